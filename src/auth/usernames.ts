// The rules for usernames.

const MAX_CODE_POINTS = 64
// Control characters, joiners and all spaces but one would make two names look the same; U+2800 is empty.
const INVISIBLE = String.raw`[\p{C}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Z}`

/** As a literal, a pattern with `\p{…}` would take a millisecond of each cold start to be parsed. */
const matches = (pattern: string, text: string) => new RegExp(pattern, 'u').test(text)

/** Returns why a username, in NFC, is not allowed; undefined when it is. */
export function validateUsername(username: string): string | undefined {
  const length = [...username].length
  if (length === 0) return 'Shorter than minimum length 1.'
  if (length > MAX_CODE_POINTS) return `Longer than maximum length ${MAX_CODE_POINTS}.`
  if (username !== username.trim()) return 'Begins or ends with whitespace.'
  if (matches(INVISIBLE, username)) return 'Contains a control or invisible character.'
  if (username === '.' || username === '..') return 'Is part of a path.' // `/users/..` never arrives
  return undefined
}

// The recommended scripts (UAX 31, table 5), and those that are written together (UTS 39 5.1).
const SCRIPTS = `Latin+Han+Hiragana+Katakana Latin+Han+Bopomofo Latin+Han+Hangul Arabic Armenian Bengali
  Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hebrew Kannada Khmer Lao Malayalam Myanmar
  Oriya Sinhala Tamil Telugu Thaana Thai Tibetan`
// Beyond ASCII only letters and digits (RFC 8264 4.2), and no letters of phonetics.
const UNUSUAL =
  String.raw`[^ -~\p{L}\p{M}\p{Nd}]|` +
  String.raw`[\u01C0-\u01C3\u0250-\u02FF\u1D00-\u1DBF\uA720-\uA7FF\uAB30-\uAB6F]`
const NEUTRAL = String.raw`[ -@\[-\x60{-~]|\p{Script=Inherited}`
// Words of Cyrillic, Greek or Armenian letters alone that look like Latin ones (UTS 39 4).
const LOOKS_LATIN = /^[аеорсухѕіјһԁԛԝӏѵАВЕКМНОРСТУХЅІЈӀԌԚԜѴανοιυργϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿօոսհցյզՕՍԼ]+$/
// Mailboxes that belong to the operator (RFC 2142), and names that suggest an authority.
const RESERVED = `abuse admin administrator anonymous api daemon everyone guest help helpdesk hostmaster info
  latchkey mod moderator nobody noc null official operator owner postmaster root security service staff sudo
  superuser support sysadmin system undefined webmaster`

/**
 * Returns why people may not give themselves this username: it looks like another one (RFC 8265 8.3) or
 * suggests an authority. An admin may create it.
 */
export function validateOwnUsername(username: string): string | undefined {
  const problem = validateUsername(username)
  if (problem) return problem
  const letters = username.replaceAll(new RegExp(NEUTRAL, 'gu'), '')
  const isOneScript = SCRIPTS.split(/\s+/).some((scripts) => {
    const members = scripts.split('+').map((script) => `\\p{Script_Extensions=${script}}`)
    return matches(`^[${members.join('')}]*$`, letters)
  })
  const isAmbiguous = username !== username.normalize('NFKC') || username.includes('  ')
  if (isAmbiguous || !isOneScript || matches(UNUSUAL, username) || LOOKS_LATIN.test(letters))
    return 'Contains characters that look like others.'
  const skeleton = toSkeleton(username)
  const isReserved = RESERVED.split(/\s+/).some((name) => toSkeleton(name) === skeleton)
  return isReserved ? 'Is reserved.' : undefined
}

/** Returns what a name looks like at a glance: without accents and punctuation, `1` and `l` like `i`. */
const toSkeleton = (name: string): string =>
  name
    .toUpperCase() // `ı` like `i`
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(new RegExp(String.raw`[^\p{L}\p{N}]`, 'gu'), '')
    .replaceAll(/[1l]/g, 'i')
    .replaceAll('0', 'o')
