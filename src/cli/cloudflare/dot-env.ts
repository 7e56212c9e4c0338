// Files of variables such as .dev.vars, read as wrangler reads them: its parser is dotenv 16, Node's differs.

const inQuotes = (mark: string) => String.raw`\s*${mark}(?:\\${mark}|[^${mark}])*${mark}`
const VALUE = [...["'", '"', '`'].map(inQuotes), String.raw`[^#\r\n]+`].join('|')
const ASSIGNMENT = new RegExp(
  String.raw`^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(${VALUE})?\s*(?:#.*)?$`,
  'dgm',
)

type Assignment = {
  name: string
  value: string
  /** Where the name begins, and where the value, with any quotes, begins and ends. */
  start: number
  valueStart: number
  valueEnd: number
}

/** Returns the variables in a text; the last one of a name counts. */
export const parseDotEnv = (text: string): Partial<Record<string, string>> =>
  Object.fromEntries(readAssignments(toLf(text)).map(({ name, value }) => [name, value]))

const toLf = (text: string) => text.replaceAll(/\r\n?/g, '\n')

function readAssignments(text: string): Assignment[] {
  return [...text.matchAll(ASSIGNMENT)].map((match) => {
    const [, name = '', raw = ''] = match
    const [start = 0, nameEnd = 0] = match.indices?.[1] ?? []
    const separatorEnd = nameEnd + (/^(?:\s*=|:)/.exec(text.slice(nameEnd))?.[0].length ?? 0)
    const rawStart = match.indices?.[2]?.[0] ?? separatorEnd
    const valueStart = rawStart + raw.length - raw.trimStart().length
    return {
      name,
      value: unquote(raw.trim()),
      start,
      valueStart,
      valueEnd: valueStart + raw.trim().length,
    }
  })
}

function unquote(raw: string): string {
  const value = raw.replaceAll(/^(['"`])([\s\S]*)\1$/gm, '$2')
  return raw.startsWith('"') ? value.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : value
}

/**
 * Returns the text with other values of `names`: changed where they are, deleted with their lines when
 * they have none, added at the end when they are new. Nothing else changes.
 */
export function replaceValues(
  text: string,
  names: readonly string[],
  values: Partial<Record<string, string>>,
): string {
  const lines = toLf(text)
  let result = ''
  let at = 0
  const found = new Set<string>()
  for (const { name, value: old, start, valueStart, valueEnd } of readAssignments(lines)) {
    if (!names.includes(name)) continue
    found.add(name)
    const value = values[name]
    if (value === old) continue
    const lineStart = lines.lastIndexOf('\n', start) + 1
    const next = lines.indexOf('\n', valueEnd)
    if (value !== undefined) result += lines.slice(at, valueStart) + quoteValue(value)
    else result += lines.slice(at, Math.max(at, lineStart))
    at = value !== undefined ? valueEnd : next === -1 ? lines.length : next + 1
  }
  result += lines.slice(at)
  for (const name of names) {
    const value = values[name]
    if (value === undefined || found.has(name)) continue
    if (result && !result.endsWith('\n')) result += '\n'
    result += `${name}=${quoteValue(value)}\n`
  }
  return text.includes('\r\n') ? result.replaceAll('\n', '\r\n') : result
}

/** Returns a value in the first quotes in which it reads back, if there are any. */
function quoteValue(value: string): string {
  const forms = ["'", '`', '"'].map((mark) => mark + value + mark)
  return forms.find((form) => parseDotEnv(`X=${form}\n`).X === value) ?? `'${value}'`
}
