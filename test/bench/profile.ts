// Records CPU profiles of guarded requests and of a login, by function.

import { writeFileSync } from 'node:fs'

import { buildWorker, startHost } from '../load/host.ts'
import { Inspector } from './inspector.ts'
import { Client, toWire } from './load.ts'
import { addUser, userOf, USERS } from './login.ts'
import { mintTokens, type Report, SECRET } from './setting.ts'

const REQUESTS = 20_000
const WARM_UP = 5000
const LOGINS = 400
const WARM_UP_LOGINS = 100
const TOP = 25

type Profile = {
  nodes: { id: number; callFrame: { functionName: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

/** Writes the profiles of requests with cached and uncached tokens and of logins, and lists the most expensive functions. */
export async function profile(folder: string, report: Report): Promise<string> {
  const build = buildWorker(undefined, { minify: false })
  const host = await startHost(build, { latchkey: { JWT_SECRET: SECRET } }, { inspect: true })
  const url = host.urls.latchkey ?? host.url
  for (let number = 0; number < USERS; number += 1) await addUser(host.db, userOf(number))
  const toGuarded = async (tokens: number) =>
    (await mintTokens(tokens)).map((token) => toWire(url, { token }))
  const logins = Array.from({ length: USERS }, (_, number) =>
    toWire(url, { method: 'POST', path: '/login', body: JSON.stringify(userOf(number)) }),
  )
  const subjects = [
    { name: 'cached', wires: await toGuarded(1), warmUp: WARM_UP, requests: REQUESTS },
    {
      name: 'uncached',
      wires: await toGuarded(REQUESTS + WARM_UP),
      warmUp: WARM_UP,
      requests: REQUESTS,
    },
    { name: 'login', wires: logins, warmUp: WARM_UP_LOGINS, requests: LOGINS },
  ]
  const tables: string[] = []
  for (const { name, wires, warmUp, requests } of subjects) {
    const client = new Client(url, name === 'login' ? 1 : 16)
    let sent = 0
    const next = () => wires[sent++ % wires.length] ?? ''
    report(`Profile of ${name}: warming up`)
    await client.run(warmUp, next)
    const inspector = await Inspector.open(host.inspector, 'latchkey')
    await inspector.send('Profiler.enable')
    await inspector.send('Profiler.setSamplingInterval', { interval: 100 })
    await inspector.send('Profiler.start')
    report(`Profile of ${name}: recording`)
    await client.run(requests, next)
    const { profile: recorded } = await inspector.send('Profiler.stop')
    inspector.close()
    const file = `${folder}/${name}.cpuprofile`
    writeFileSync(file, JSON.stringify(recorded))
    tables.push(`${name}, ${listFunctions(recorded as Profile, requests)}`, `Wrote ${file}`)
  }
  await host.dispose()
  return `${tables.join('\n')}\nOpen the profiles in the Performance panel of Chrome DevTools.\n`
}

function listFunctions({ nodes, samples, timeDeltas }: Profile, requests: number): string {
  const names = new Map(
    nodes.map(({ id, callFrame }) => [
      id,
      `${callFrame.functionName || '(anonymous)'}:${callFrame.lineNumber + 1}`,
    ]),
  )
  const times = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '?'
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0))
  }
  const top = [...times].toSorted((a, b) => b[1] - a[1]).slice(0, TOP)
  const lines = top.map(
    ([name, micros]) => `${(micros / requests).toFixed(2).padStart(8)}  ${name}`,
  )
  return `µs per request, by function and line of the build:\n${lines.join('\n')}`
}
