// A CPU profile of the guarded request: where its time goes, by function.

import { writeFileSync } from 'node:fs'

import { buildWorker, startHost } from '../load/host.ts'
import { Inspector } from './inspector.ts'
import { Client, toWire } from './load.ts'
import { mintTokens, type Report, SECRET } from './setting.ts'

const REQUESTS = 20_000
const WARM_UP = 5000
const TOP = 25

type Profile = {
  nodes: { id: number; callFrame: { functionName: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

/** Writes the profiles of requests with known and with new tokens, and lists the functions that took longest. */
export async function profile(folder: string, report: Report): Promise<string> {
  const build = buildWorker(undefined, { minify: false })
  const host = await startHost(build, { latchkey: { JWT_SECRET: SECRET } }, { inspect: true })
  const url = host.urls.latchkey ?? host.url
  const client = new Client(url, 16)
  const tables: string[] = []
  for (const [name, tokens] of [
    ['known', 1],
    ['new', REQUESTS + WARM_UP],
  ] as const) {
    const wires = (await mintTokens(tokens)).map((token) => toWire(url, { token }))
    let sent = 0
    const next = () => wires[sent++ % wires.length] ?? ''
    report(`${name} tokens: warming up`)
    await client.run(WARM_UP, next)
    const inspector = await Inspector.open(host.inspector, 'latchkey')
    await inspector.send('Profiler.enable')
    await inspector.send('Profiler.setSamplingInterval', { interval: 100 })
    await inspector.send('Profiler.start')
    report(`${name} tokens: profiling`)
    await client.run(REQUESTS, next)
    const { profile: taken } = await inspector.send('Profiler.stop')
    inspector.close()
    const file = `${folder}/${name}.cpuprofile`
    writeFileSync(file, JSON.stringify(taken))
    tables.push(`${name} tokens, ${list(taken as Profile)}`, `written: ${file}`)
  }
  await host.dispose()
  return `${tables.join('\n')}\nfor the performance panel of Chrome's developer tools\n`
}

function list({ nodes, samples, timeDeltas }: Profile): string {
  const names = new Map(
    nodes.map(({ id, callFrame }) => [
      id,
      `${callFrame.functionName || '(anonymous)'}:${callFrame.lineNumber + 1}`,
    ]),
  )
  const times = new Map<string, number>()
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '?'
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0))
  }
  const top = [...times].toSorted((a, b) => b[1] - a[1]).slice(0, TOP)
  const lines = top.map(
    ([name, micros]) => `${(micros / REQUESTS).toFixed(2).padStart(8)}  ${name}`,
  )
  return `µs a request, by function and line of the build:\n${lines.join('\n')}`
}
