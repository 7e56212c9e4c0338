// Counts what many isolates ask of one database, by simulation.

import { buildWorker, startHost } from '../load/host.ts'
import { drawBars } from './chart.ts'
import { renderTable } from './report.ts'
import { type Report, SECRET } from './setting.ts'
import type { Outcome, Scenario } from './workers/scale.ts'

/** What D1's single writer is assumed to run in a second, at 1 ms per statement: Cloudflare's own estimate. */
const LIMIT = 1000

const USUAL = {
  isolates: 500,
  guarded: 10_000,
  logouts: 1,
  refreshes: 111,
  revoked: 960,
  seconds: 2.5,
  vars: {},
}
const BUSY = { ...USUAL, logouts: 100, revoked: 96_000 }

/** `share` is how much of the statements reach the database that is counted. */
const SCENARIOS: [name: string, scenario: Scenario][] = [
  ['1 million users, 1 logout/s', USUAL],
  [
    '  REVOCATION_SECONDS = "30"',
    { ...USUAL, seconds: 15, guarded: 1000, vars: { REVOCATION_SECONDS: '30' } },
  ],
  ['4 logouts/s: just below the cap', { ...USUAL, logouts: 4, revoked: 3840 }],
  ['100 logouts/s: above the cap', BUSY],
  [
    '  30 groups of users, one of them',
    { ...BUSY, guarded: 333, logouts: 3.4, refreshes: 4, revoked: 3200 },
  ],
  ['attack: 800,000 revoked in 16 minutes', { ...USUAL, revoked: 800_000 }],
]

type Row = { name: string } & Outcome

/** Runs every scenario, and returns the rows of the table and the chart. */
export async function measureScale(report: Report): Promise<Row[]> {
  const host = await startHost(buildWorker('test/bench/workers/scale.ts'), {
    scale: { JWT_SECRET: SECRET },
  })
  const rows: Row[] = []
  for (const [name, scenario] of SCENARIOS) {
    report(`Scale: ${name.trim()}`)
    const response = await host.fetch('scale', '/', {
      method: 'POST',
      body: JSON.stringify(scenario),
    })
    if (!response.ok) throw new Error(`${name}: ${await response.text()}`)
    rows.push({ name, ...((await response.json()) as Outcome) })
  }
  await host.dispose()
  return rows
}

export const renderScale = (rows: Row[]): string =>
  [
    `Per second, in ${USUAL.isolates} isolates with one database; ${USUAL.guarded} guarded requests, ${USUAL.refreshes} refreshes`,
    renderTable(
      ['', 'listed', 'statements', 'rows read', 'rows written', 'of 1,000 statements', 'responses'],
      rows.map(({ name, listed, statements, read, written, statuses }) => [
        name,
        ...[listed, statements, read, written].map((value) => value.toFixed(0)),
        `${((statements / LIMIT) * 100).toFixed(0)} %`,
        Object.entries(statuses)
          .map(([status, count]) => `${status}: ${count}`)
          .join(', '),
      ]),
    ),
  ].join('\n')

export const drawScale = (rows: Row[]): string =>
  drawBars({
    title: 'D1 statements per second, of about 1,000 that one database can run (lower is better)',
    note: `${USUAL.isolates} simulated isolates, ${USUAL.guarded} guarded requests a second`,
    bars: rows.map(({ name, statements }) => ({
      name: name.trim(),
      value: statements,
      isOwn: statements <= LIMIT,
    })),
    unit: '',
  })
