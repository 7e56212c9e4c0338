// The rule for usernames.

const MAX_CODE_POINTS = 64

/** Why a username is refused; undefined when it may be given. It must be in NFC already. */
export function usernameProblem(username: string): string | undefined {
  const length = [...username].length
  if (length === 0) return 'Shorter than minimum length 1.'
  if (length > MAX_CODE_POINTS) return `Longer than maximum length ${MAX_CODE_POINTS}.`
  if (/\p{C}/u.test(username)) return 'Holds a control or invisible character.'
  if (username !== username.trim()) return 'Begins or ends with white space.'
  return undefined
}
