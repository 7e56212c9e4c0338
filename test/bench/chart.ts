// The chart of a run: the CPU of a guarded request and its peers, as SVG in both colour schemes.

import type { Results } from './report.ts'

const WIDTH = 720
const LABELS = 220
const BAR = 24
const GAP = 10
const TOP = 44
const BOTTOM = 30

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { font-size: 11px; fill: #656d76 }
  .peer { fill: #afb8c1 }
  .own { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #8d96a0 }
    .peer { fill: #484f58 }
    .own { fill: #4493f8 }
  }`

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

export function drawChart({ guarded, effort, machine, date, quick }: Results): string {
  const height = TOP + guarded.length * (BAR + GAP) + BOTTOM
  const most = Math.max(...guarded.map(({ cpu }) => cpu))
  const bars = guarded.map(({ name, cpu }, at) => {
    const top = TOP + at * (BAR + GAP)
    const length = ((WIDTH - LABELS - 70) * cpu) / most
    const text = top + BAR / 2 + 5
    return `  <text x="${LABELS - 10}" y="${text}" text-anchor="end">${escape(name)}</text>
  <rect class="${name.startsWith('Latchkey') ? 'own' : 'peer'}" x="${LABELS}" y="${top}" width="${length.toFixed(1)}" height="${BAR}" rx="3"/>
  <text x="${(LABELS + length + 8).toFixed(1)}" y="${text}">${cpu.toFixed(0)} µs</text>`
  })
  const note = `median of ${effort.rounds} interleaved rounds of ${effort.requests} requests · ${machine} · ${date}${quick ? ' · --quick' : ''}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="CPU of a request, in microseconds">
  <style>${STYLE}
  </style>
  <text class="title" x="10" y="22">CPU of the runtime for one request, in microseconds: less is better</text>
${bars.join('\n')}
  <text class="note" x="10" y="${height - 10}">${escape(note)}</text>
</svg>
`
}
