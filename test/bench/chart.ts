// Draws bars as an SVG for light and dark colour schemes.

import type { Results } from './report.ts'

const WIDTH = 720
const LABEL_WIDTH = 250
const BAR_HEIGHT = 24
const GAP = 10
const MARGIN_TOP = 44
const MARGIN_BOTTOM = 30

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

export const drawChart = ({ guarded, effort, machine, date, quick }: Results): string =>
  drawBars({
    title: 'CPU time of workerd per request, in microseconds (lower is better)',
    note: `median of ${effort.rounds} interleaved rounds of ${effort.requests} requests · ${machine} · ${date}${quick ? ' · --quick' : ''}`,
    bars: guarded.map(({ name, cpu }) => ({
      name,
      value: cpu,
      isOwn: name.startsWith('Latchkey'),
    })),
    unit: ' µs',
  })

type Bar = { name: string; value: number; isOwn: boolean }
type Chart = { title: string; note: string; bars: Bar[]; unit: string }

export function drawBars({ title, note, bars, unit }: Chart): string {
  const height = MARGIN_TOP + bars.length * (BAR_HEIGHT + GAP) + MARGIN_BOTTOM
  const max = Math.max(...bars.map(({ value }) => value))
  const drawn = bars.map(({ name, value, isOwn }, index) => {
    const top = MARGIN_TOP + index * (BAR_HEIGHT + GAP)
    const length = ((WIDTH - LABEL_WIDTH - 70) * value) / max
    const text = top + BAR_HEIGHT / 2 + 5
    return `  <text x="${LABEL_WIDTH - 10}" y="${text}" text-anchor="end">${escape(name)}</text>
  <rect class="${isOwn ? 'own' : 'peer'}" x="${LABEL_WIDTH}" y="${top}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="3"/>
  <text x="${(LABEL_WIDTH + length + 8).toFixed(1)}" y="${text}">${value.toFixed(0)}${unit}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
  <style>${STYLE}
  </style>
  <text class="title" x="10" y="22">${escape(title)}</text>
${drawn.join('\n')}
  <text class="note" x="10" y="${height - 10}">${escape(note)}</text>
</svg>
`
}
