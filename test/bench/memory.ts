// The memory of the runtime while it sees ever new tokens.

import { startHost } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { Inspector } from './inspector.ts'
import { Client, toWire } from './load.ts'
import { readMemoryMib } from './process.ts'
import { type Builds, mintTokens, type Report, SECRET } from './setting.ts'

/**
 * MiB while so many tokens were seen: the most that the process held, and the least of the isolate's
 * heap, which is what lives there (workerd's inspector does not collect garbage when it is asked to).
 */
export type MemoryRow = { tokens: number; process: number; heap: number }

const STEPS = 5
const LOOKS = 20

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
  const seeNew = async (count: number): Promise<MemoryRow> => {
    const wires = (await mintTokens(count)).map((token) => toWire(url, { token }))
    await client.run(count, () => wires.pop() ?? '')
    const { usedSize } = await inspector.send('Runtime.getHeapUsage')
    return { tokens: count, process: readMemoryMib(host.pid), heap: Number(usedSize) / 2 ** 20 }
  }
  const rows: MemoryRow[] = []
  for (let step = 1; step <= STEPS; step += 1) {
    report(`memory: ${step}/${STEPS}`)
    const looks: MemoryRow[] = []
    for (let look = 0; look < LOOKS; look += 1) looks.push(await seeNew(tokens / STEPS / LOOKS))
    rows.push({
      tokens: (tokens / STEPS) * step,
      process: Math.max(...looks.map((row) => row.process)),
      heap: Math.min(...looks.map(({ heap }) => heap)),
    })
  }
  inspector.close()
  await host.dispose()
  return rows
}
