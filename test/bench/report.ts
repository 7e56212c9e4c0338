// Renders the results of a run as tables, with the targets.

import type { Effort } from './bench.ts'
import type { ColdStartResult } from './cold-start.ts'
import type { GuardedRow } from './guarded.ts'
import type { LoginResult } from './login.ts'
import type { MemoryRow } from './memory.ts'
import type { StatementResult } from './statements.ts'

export type Results = {
  quick: boolean
  date: string
  machine: string
  effort: Effort
  guarded: GuardedRow[]
  login: LoginResult
  statements: StatementResult
  coldStart: ColdStartResult
  memory: MemoryRow[]
}

type Target = { name: string; measured: number; maximum: number; unit: string }

/** Lists the project's performance targets with the values of this run. */
function listTargets({ guarded, login, statements, coldStart, memory }: Results): Target[] {
  const row = (name: string, worker = 'Latchkey') =>
    guarded.find((one) => one.name === `${worker}, ${name}`)
  const roundTrips = (name: string) =>
    statements.rows.find((one) => one.name.includes(name))?.trips ?? NaN
  const memoryAt = (step: number) => memory.at(step)?.process ?? NaN
  const { gzip } = coldStart
  const { usual, first, repeated, rows } = statements.revoked
  const counted = (name: string) =>
    statements.rows.find((one) => one.name.includes(name))?.statements ?? NaN
  const list: [name: string, measured: number | undefined, maximum: number, unit?: string][] = [
    ['cached token, CPU vs the bare Worker', row('cached token')?.toBare, 1.2],
    ['cached token, CPU vs Hono with the same headers', row('cached token')?.toHeaders, 1.05],
    ['cached token, CPU vs stock jwt()', row('cached token')?.toJwt, 0.85],
    ['uncached token, CPU vs stock jwt()', row('uncached tokens')?.toJwt, 1.15],
    ['uncached token, CPU vs the bare Worker', row('uncached tokens')?.toBare, 2.1],
    [
      'cached token in another Worker, CPU vs Latchkey',
      row('cached token', 'another Worker')?.toCached,
      1.1,
    ],
    [
      'uncached token in another Worker, CPU vs stock jwt()',
      row('uncached tokens', 'another Worker')?.toJwt,
      1.35,
    ],
    ['D1 round trips of 1,000 guarded requests', roundTrips('guarded'), 1],
    ['D1 statements of 100 guarded requests between two reads of the list', counted('between'), 0],
    ['D1 statements of 200 anonymous /ready requests', counted('/ready'), 2],
    ['800,000 revoked: D1 rows of the first request of a session', rows, 2],
    ['800,000 revoked: time of the first request of a session vs usual', first / usual, 2],
    ['800,000 revoked: time of its next requests vs usual', repeated / usual, 2],
    ['D1 round trips of a login', roundTrips('login'), 2],
    ['D1 round trips of a refresh', roundTrips('refresh'), 1],
    ['login without its hash, the local D1 and rate limiter, CPU', login.beyond, 3, ' ms'],
    [
      'login without its hash, with both of them, CPU',
      login.beyond + login.statements.cpu,
      3,
      ' ms',
    ],
    ['bundle, gzipped, including WebAssembly', gzip.script + gzip.wasm, 54, ' KiB'],
    ['cold start vs the bare Worker', coldStart.latchkey.time / coldStart.bare.time, 1.3],
    ['memory in the last fifth of the tokens vs the fourth', memoryAt(-1) / memoryAt(-2), 1.1],
  ]
  return list.map(([name, measured = NaN, maximum, unit = '']) => ({
    name,
    measured,
    maximum,
    unit,
  }))
}

export function renderResults(results: Results): string {
  const { guarded, login, statements, coldStart, memory, effort } = results
  const cost = (name: string, { cpu, p50, p99 }: { cpu: number; p50: number; p99: number }) => [
    name,
    cpu.toFixed(2),
    p50.toFixed(2),
    p99.toFixed(2),
  ]
  const start = (name: string, { time, cpu }: { time: number; cpu: number }) => [
    name,
    time.toFixed(1),
    cpu.toFixed(1),
  ]
  const { hash, beyond, refresh } = login
  return [
    `${results.machine}, ${results.date}${results.quick ? ', --quick: too short to judge the targets' : ''}\n`,
    `GET /protected: medians of ${effort.rounds} rounds of ${effort.requests} requests over 16 connections`,
    renderTable(
      ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs', 'vs bare', 'vs same headers', 'vs jwt()'],
      guarded.map((row) => [
        row.name,
        row.perSecond.toFixed(0),
        ...[row.p50, row.p99].map((time) => time.toFixed(2)),
        row.cpu.toFixed(1),
        ...[row.toBare, row.toHeaders, row.toJwt].map((ratio) => ratio.toFixed(2)),
      ]),
    ),
    'One request at a time; CPU includes the local D1 and rate limiter',
    renderTable(
      ['', 'CPU ms', 'p50 ms', 'p99 ms'],
      [
        cost('POST /login', login.login),
        cost('  argon2id only', hash),
        cost('  D1 and rate limiter only', login.statements),
        ['  everything else', beyond.toFixed(2), '', ''],
        cost('POST /refresh', refresh),
      ],
    ),
    renderTable(
      ['D1', 'statements', 'round trips', 'rows read', 'rows written'],
      statements.rows.map((row) => [
        row.name,
        ...[row.statements, row.trips, row.read, row.written].map(String),
      ]),
    ),
    `The clean-up took ${(statements.cleanUpMs / 1000).toFixed(1)} s, and runs every minute\n`,
    `A session with the longest user agent uses ${statements.bytesPerSession.toFixed(0)} bytes in the database\n`,
    'From process start to the first response',
    renderTable(
      ['', 'ms', 'CPU ms'],
      [start('bare Worker', coldStart.bare), start('Latchkey', coldStart.latchkey)],
    ),
    `Bundle, gzipped: ${coldStart.gzip.script.toFixed(1)} KiB of script and ${coldStart.gzip.wasm.toFixed(1)} KiB of WebAssembly\n`,
    renderTable(
      ['tokens', 'process MiB', 'heap MiB'],
      memory.map((row) => [`${row.tokens}`, row.process.toFixed(1), row.heap.toFixed(2)]),
    ),
    renderTable(
      ['target', 'measured', 'maximum', ''],
      listTargets(results).map(({ name, measured, maximum, unit }) => [
        name,
        `${measured.toFixed(2)}${unit}`,
        `${maximum}${unit}`,
        measured <= maximum ? 'met' : 'MISSED',
      ]),
    ),
  ].join('\n')
}

/** Aligns columns: the first to the left, the others to the right. */
export function renderTable(header: string[], rows: string[][]): string {
  const all = [header, ...rows]
  const widths = header.map((_, index) => Math.max(...all.map((row) => (row[index] ?? '').length)))
  const lines = all.map((row) =>
    row
      .map((cell, index) =>
        index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}
