// Measures the memory of workerd while it receives only new tokens.

import { startHost } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { Inspector } from './inspector.ts'
import { Client, toWire } from './load.ts'
import { readMemoryMib } from './process.ts'
import { type Builds, mintTokens, type Report, SECRET } from './setting.ts'

/**
 * Memory in MiB after `tokens` tokens: the maximum of the process, and the minimum of the isolate's heap.
 * The minimum is close to the live objects, because workerd's inspector ignores requests to collect garbage.
 */
export type MemoryRow = { tokens: number; process: number; heap: number }

const STEPS = 5
const SAMPLES_PER_STEP = 20

export async function measureMemory(
  { latchkey }: Builds,
  { tokens }: Effort,
  report: Report,
): Promise<MemoryRow[]> {
  const workers = { latchkey: { JWT_SECRET: SECRET } }
  const host = await startHost(latchkey, workers, { inspect: true })
  const url = host.urls.latchkey ?? host.url
  const client = new Client(url, 16)
  const inspector = await Inspector.open(host.inspector, 'latchkey')
  const sendNewTokens = async (count: number): Promise<MemoryRow> => {
    const wires = (await mintTokens(count)).map((token) => toWire(url, { token }))
    await client.run(count, () => wires.pop() ?? '')
    const { usedSize } = await inspector.send('Runtime.getHeapUsage')
    return { tokens: count, process: readMemoryMib(host.pid), heap: Number(usedSize) / 2 ** 20 }
  }
  const rows: MemoryRow[] = []
  for (let step = 1; step <= STEPS; step += 1) {
    report(`Memory: ${step}/${STEPS}`)
    const samples: MemoryRow[] = []
    for (let sample = 0; sample < SAMPLES_PER_STEP; sample += 1)
      samples.push(await sendNewTokens(tokens / STEPS / SAMPLES_PER_STEP))
    rows.push({
      tokens: (tokens / STEPS) * step,
      process: Math.max(...samples.map((row) => row.process)),
      heap: Math.min(...samples.map(({ heap }) => heap)),
    })
  }
  inspector.close()
  await host.dispose()
  return rows
}
