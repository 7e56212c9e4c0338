// Splits many rows into JSON arrays that are short enough for one bound value.

/** A JSON array of `count` rows. */
export type Pack = { json: string; count: number }

// D1 allows 2 MB per value.
const MAX_PACK_BYTES = 900_000

export function packRows(rows: unknown[], maxBytes = MAX_PACK_BYTES): Pack[] {
  const packs: Pack[] = []
  let texts: string[] = []
  let bytes = 0
  const close = () => {
    if (texts.length > 0) packs.push({ json: `[${texts.join(',')}]`, count: texts.length })
    texts = []
    bytes = 0
  }
  for (const row of rows) {
    const text = JSON.stringify(row)
    const length = new TextEncoder().encode(text).length + 1
    if (bytes + length > maxBytes) close()
    texts.push(text)
    bytes += length
  }
  close()
  return packs
}
