// The rule for usernames.

const MAX_CODE_POINTS = 64
// Control characters, joiners and the like, which would make two names look the same; U+2800 is an empty pattern.
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u

/** Why a username is refused; undefined when it may be given. It must be in NFC already. */
export function usernameProblem(username: string): string | undefined {
  const length = [...username].length
  if (length === 0) return 'Shorter than minimum length 1.'
  if (length > MAX_CODE_POINTS) return `Longer than maximum length ${MAX_CODE_POINTS}.`
  if (INVISIBLE.test(username)) return 'Holds a control or invisible character.'
  if (username !== username.trim()) return 'Begins or ends with white space.'
  if (username === '.' || username === '..') return 'Is part of a path.' // `/users/..` never arrives
  return undefined
}
