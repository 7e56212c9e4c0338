// What a cell of a CSV file means, as this command, SQLite, Postgres and spreadsheets write it.

/** Returns undefined for invalid JSON: the message of JSON.parse repeats text that may be a hash. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // a SyntaxError
  }
}

/** Roles are separated by spaces or commas (SQLite's group_concat), or are an array of JSON or of Postgres. */
export function readRoles(cell: string): unknown {
  if (cell.startsWith('[')) return parseJson(cell) ?? cell
  const [, elements] = /^\{(.*)\}$/s.exec(cell) ?? []
  if (elements === undefined) return cell.split(/[ ,]+/).filter(Boolean)
  return [...elements.matchAll(/"((?:[^"\\]|\\.)*)"|[^,]+/gs)].map(([plain, quoted]) =>
    quoted === undefined ? plain : quoted.replaceAll(/\\(.)/gs, '$1'),
  )
}

/** Postgres writes the bytes of a column of type `bytea` as `\x` and hexadecimal digits. */
export function readHash(cell: string): string {
  const [, digits] = /^\\x((?:[0-9a-f]{2})+)$/i.exec(cell) ?? []
  return digits === undefined ? cell : Buffer.from(digits, 'hex').toString('utf8')
}

const TIME = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:Z|([+-]\d\d)(?::?(\d\d))?)?$/

/** Returns a Unix time in seconds, null for an empty cell, and the cell itself for anything else. Without a zone it is UTC. */
export function readTime(cell: string): unknown {
  if (cell === '') return null
  if (/^\d+(\.\d+)?$/.test(cell)) return Math.floor(Number(cell)) // extract(epoch from …) has a fraction
  const [, day, time, hours = '+00', minutes = '00'] = TIME.exec(cell) ?? []
  const ms = Date.parse(`${day}T${time}${hours}:${minutes}`)
  return Number.isNaN(ms) ? cell : Math.floor(ms / 1000)
}
