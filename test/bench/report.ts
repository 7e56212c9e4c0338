// The results of a run, and their table with the targets.

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

type Target = { name: string; measured: number; atMost: number; unit: string }

/** What the project promises itself, with what this run has measured. */
function listTargets({ guarded, login, statements, coldStart, memory }: Results): Target[] {
  const row = (name: string) => guarded.find((one) => one.name === `Latchkey, ${name}`)
  const trips = (name: string) =>
    statements.rows.find((one) => one.name.includes(name))?.trips ?? NaN
  const memoryAt = (step: number) => memory.at(step)?.process ?? NaN
  const { gzip } = coldStart
  const list: [name: string, measured: number | undefined, atMost: number, unit?: string][] = [
    ['known token, CPU by Hono with the same headers', row('a known token')?.toHeaders, 1.1],
    ['known token, CPU by stock jwt()', row('a known token')?.toJwt, 0.85],
    ['token never seen, CPU by stock jwt()', row('tokens never seen')?.toJwt, 1.1],
    ['D1 round trips of 1,000 guarded requests', trips('guarded'), 1],
    ['D1 round trips of a log-in', trips('log in'), 2],
    ['D1 round trips of a refresh', trips('refresh'), 1],
    ['log-in beyond its hash and the local D1, CPU', login.beyond, 3, ' ms'],
    [
      'log-in beyond its hash, local D1 included, CPU',
      login.beyond + login.statements.cpu,
      3,
      ' ms',
    ],
    ['bundle, gzip, WebAssembly included', gzip.script + gzip.wasm, 60, ' KiB'],
    ['cold start, by that of the bare Worker', coldStart.latchkey.time / coldStart.bare.time, 1.5],
    [
      'memory with the last fifth of the tokens, by that with the fourth',
      memoryAt(-1) / memoryAt(-2),
      1.1,
    ],
  ]
  return list.map(([name, measured = NaN, atMost, unit = '']) => ({ name, measured, atMost, unit }))
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
    `${results.machine}, ${results.date}${results.quick ? ', --quick: too short for a verdict' : ''}\n`,
    `GET /protected: medians of ${effort.rounds} rounds of ${effort.requests} requests over 16 connections`,
    table(
      ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs', 'by bare', 'by same headers', 'by jwt()'],
      guarded.map((row) => [
        row.name,
        row.perSecond.toFixed(0),
        ...[row.p50, row.p99].map((time) => time.toFixed(2)),
        row.cpu.toFixed(1),
        ...[row.toBare, row.toHeaders, row.toJwt].map((ratio) => ratio.toFixed(2)),
      ]),
    ),
    'One at a time; the CPU includes the local D1',
    table(
      ['', 'CPU ms', 'p50 ms', 'p99 ms'],
      [
        cost('POST /login', login.login),
        cost('  its argon2id alone', hash),
        cost('  its statements alone', login.statements),
        ['  all else in it', beyond.toFixed(2), '', ''],
        cost('POST /refresh', refresh),
      ],
    ),
    table(
      ['D1', 'statements', 'round trips', 'rows read', 'rows written'],
      statements.rows.map((row) => [
        row.name,
        ...[row.statements, row.trips, row.read, row.written].map(String),
      ]),
    ),
    `A session takes ${statements.bytesPerSession.toFixed(0)} bytes of the database, with the longest user agent\n`,
    'From the start of a process to its first answer',
    table(
      ['', 'ms', 'CPU ms'],
      [start('bare Worker', coldStart.bare), start('Latchkey', coldStart.latchkey)],
    ),
    `Bundle, gzip: ${coldStart.gzip.script.toFixed(1)} KiB of script and ${coldStart.gzip.wasm.toFixed(1)} KiB of WebAssembly\n`,
    table(
      ['tokens seen', 'process MiB', 'heap MiB'],
      memory.map((row) => [`${row.tokens}`, row.process.toFixed(1), row.heap.toFixed(2)]),
    ),
    table(
      ['target', 'measured', 'at most', ''],
      listTargets(results).map(({ name, measured, atMost, unit }) => [
        name,
        `${measured.toFixed(2)}${unit}`,
        `${atMost}${unit}`,
        measured <= atMost ? 'met' : 'MISSED',
      ]),
    ),
  ].join('\n')
}

/** Columns side by side: the first to the left, the others to the right. */
function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows]
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
  const lines = all.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}
