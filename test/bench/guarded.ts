// Measures the cost of a guarded request, in rounds interleaved with those of its peers.

import { type Host, startHost } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { Client, type NextRequest, toWire } from './load.ts'
import { readCpuMicros } from './process.ts'
import { type Builds, median, mintTokens, quantile, type Report, SECRET } from './setting.ts'

const CONNECTIONS = 16

type Subject = { name: string; worker: string; tokens: 'one' | '500' | 'new' }

const SUBJECTS: Subject[] = [
  { name: 'bare Worker', worker: 'bare', tokens: 'one' },
  { name: 'Hono', worker: 'hono', tokens: 'one' },
  { name: 'Hono, same headers', worker: 'hono-headers', tokens: 'one' },
  { name: 'Hono, stock jwt()', worker: 'hono-jwt', tokens: 'one' },
  { name: 'verify() alone, same headers', worker: 'hono-verify', tokens: 'one' },
  { name: 'Latchkey, cached token', worker: 'latchkey', tokens: 'one' },
  { name: 'Latchkey, 500 tokens in turn', worker: 'latchkey', tokens: '500' },
  { name: 'Latchkey, uncached tokens', worker: 'uncached', tokens: 'new' },
  { name: 'another Worker, cached token', worker: 'consumer', tokens: 'one' },
  { name: 'another Worker, uncached tokens', worker: 'consumer-uncached', tokens: 'new' },
  { name: 'RPC call and verify() alone', worker: 'rpc-caller', tokens: 'new' },
]

/** Medians over all rounds: times in milliseconds, CPU time of the workerd process in microseconds. */
export type GuardedRow = {
  name: string
  perSecond: number
  p50: number
  p99: number
  cpu: number
  /** Ratios to the CPU time of the bare Worker, Hono with the same headers and the stock jwt() in the same round. */
  toBare: number
  toHeaders: number
  toJwt: number
  /** The same for Latchkey with a cached token. */
  toCached: number
}

type Sample = { perSecond: number; p50: number; p99: number; cpu: number }

export async function measureGuarded(
  builds: Builds,
  { rounds, requests }: Effort,
  report: Report,
): Promise<GuardedRow[]> {
  const { latchkey, consumer, 'rpc-caller': caller, ...others } = builds
  const names = new Set([...SUBJECTS.map(({ worker }) => worker), 'rpc-verify'])
  const peers = Object.fromEntries(
    Object.entries({ ...others, uncached: latchkey }).filter(([name]) => names.has(name)),
  )
  const consumers = {
    consumer: { build: consumer, latchkey: 'latchkey' },
    'consumer-uncached': { build: consumer, latchkey: 'uncached' },
    'rpc-caller': { build: caller, latchkey: 'rpc-verify' },
  }
  const host = await startHost(latchkey, { latchkey: { JWT_SECRET: SECRET } }, { peers, consumers })
  const clients = new Map(
    Object.entries(host.urls).map(([name, url]) => [name, new Client(url, CONNECTIONS)]),
  )
  const reusedTokens = await mintTokens(500)
  const samples = new Map(SUBJECTS.map((subject) => [subject, [] as Sample[]]))
  for (let round = 0; round <= rounds; round += 1) {
    report(round === 0 ? 'Guarded requests: warming up' : `Guarded requests: ${round}/${rounds}`)
    // In random order, so that no subject always follows the same other one.
    for (const subject of shuffle(SUBJECTS)) {
      const client = clients.get(subject.worker)
      if (!client) throw new Error(`No Worker named ${subject.worker}`)
      const next = await prepare(subject, reusedTokens, host, requests)
      const sample = await measureRound(client, next, host.pid, requests)
      if (round > 0) samples.get(subject)?.push(sample)
    }
  }
  await host.dispose()
  return summarise(samples)
}

const shuffle = <Item>(items: Item[]): Item[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)

async function prepare(
  { worker, tokens }: Subject,
  reusedTokens: string[],
  host: Host,
  requests: number,
): Promise<NextRequest> {
  const cached = { one: reusedTokens.slice(0, 1), 500: reusedTokens, new: [] }[tokens]
  const sentTokens = tokens === 'new' ? await mintTokens(requests) : cached
  const url = host.urls[worker]
  if (!url) throw new Error(`No Worker named ${worker}`)
  const wires = sentTokens.map((token) => toWire(url, { token }))
  let sent = 0
  return () => wires[sent++ % wires.length] ?? ''
}

async function measureRound(
  client: Client,
  next: NextRequest,
  pid: number,
  requests: number,
): Promise<Sample> {
  const startMs = performance.now()
  const before = readCpuMicros(pid)
  const times = await client.run(requests, next)
  const cpu = (readCpuMicros(pid) - before) / requests
  const seconds = (performance.now() - startMs) / 1000
  return {
    perSecond: requests / seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    cpu,
  }
}

function summarise(samples: Map<Subject, Sample[]>): GuardedRow[] {
  const rows = [...samples].map(([{ name }, list]) => ({ name, list }))
  const cpusOf = (name: string) => rows.find((row) => row.name === name)?.list ?? []
  const ratio = (list: Sample[], to: string) =>
    median(list.map(({ cpu }, round) => cpu / (cpusOf(to)[round]?.cpu ?? NaN)))
  return rows.map(({ name, list }) => ({
    name,
    perSecond: median(list.map(({ perSecond }) => perSecond)),
    p50: median(list.map(({ p50 }) => p50)),
    p99: median(list.map(({ p99 }) => p99)),
    cpu: median(list.map(({ cpu }) => cpu)),
    toBare: ratio(list, 'bare Worker'),
    toHeaders: ratio(list, 'Hono, same headers'),
    toJwt: ratio(list, 'Hono, stock jwt()'),
    toCached: ratio(list, 'Latchkey, cached token'),
  }))
}
