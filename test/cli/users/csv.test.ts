import { describe, expect, it } from 'vitest'

import { formatCsv, parseCsv } from '../../../src/cli/users/csv.ts'

const cells = (text: string) => parseCsv(text).map((record) => record.cells)

describe('parseCsv follows RFC 4180:', () => {
  it.each([
    [
      'CRLF (2.1)',
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'LF',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'no line break at the end (2.2)',
      'a,b\r\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['spaces belong to the cell (2.4)', ' a , b', [[' a ', ' b']]],
    ['quotes around cells (2.5)', '"a","b"', [['a', 'b']]],
    [
      'commas and line breaks in quotes (2.6)',
      '"a,1","b\r\n2"\nc,d',
      [
        ['a,1', 'b\r\n2'],
        ['c', 'd'],
      ],
    ],
    ['doubled quotes (2.7)', '"say ""no""",""""', [['say "no"', '"']]],
    [
      'empty cells',
      ',\na,,b\n"",x,',
      [
        ['', ''],
        ['a', '', 'b'],
        ['', 'x', ''],
      ],
    ],
    ['a comma at the very end', 'a,', [['a', '']]],
    ['empty lines are skipped', '\n\na\n\r\n\nb\n\n', [['a'], ['b']]],
    ['an empty file', '', []],
    ['other scripts, emoji, a NUL', 'Zoë,Ада,🔑,\0', [['Zoë', 'Ада', '🔑', '\0']]],
  ])('%s', (_, text, expected) => expect(cells(text)).toEqual(expected))

  it('each record has the number of the line on which it begins', () => {
    const lines = parseCsv('a\n"b\n\nb"\n\nc').map(({ line }) => line)
    expect(lines).toEqual([1, 2, 6])
  })

  it.each([
    ['a quote within a cell', 'ok\nse"cret', 2],
    ['text after a closing quote', '"se"cret', 1],
    ['a space before a quote', 'a, "secret"', 1],
    ['a quote that is not closed', 'ok\nok\n"secret', 3],
    ['a carriage return alone', 'a\rsecret', 1],
  ])('%s is rejected with its line number, and the text is not repeated', (_, text, line) => {
    expect(() => parseCsv(text)).toThrow(
      `Line ${line}: the quotes or line breaks are not valid CSV (RFC 4180).`,
    )
  })

  it('a megabyte of quotes, closed or not, is parsed quickly', () => {
    const quotes = '""'.repeat(500_000)
    expect(cells(`"${quotes}"`)).toEqual([['"'.repeat(500_000)]])
    expect(() => parseCsv(`"${quotes}x`)).toThrow('Line 1')
  })
})

it('parseCsv reads what formatCsv writes', () => {
  const written = [['a', ' b ', '', '"', 'c,d', 'e\r\nf', '=1+1', "O'Neil", '\uFEFF']]
  expect(cells(written.map(formatCsv).join('\n'))).toEqual(written)
})
