// The rules for usernames.

const MAX_CODE_POINTS = 64
// Control characters, joiners and the like would make two names look the same; U+2800 is an empty pattern.
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u

/** Returns why a username, in NFC, is not allowed; undefined when it is. */
export function validateUsername(username: string): string | undefined {
  const length = [...username].length
  if (length === 0) return 'Shorter than minimum length 1.'
  if (length > MAX_CODE_POINTS) return `Longer than maximum length ${MAX_CODE_POINTS}.`
  if (INVISIBLE.test(username)) return 'Contains a control or invisible character.'
  if (username !== username.trim()) return 'Begins or ends with whitespace.'
  if (username === '.' || username === '..') return 'Is part of a path.' // `/users/..` never arrives
  return undefined
}
