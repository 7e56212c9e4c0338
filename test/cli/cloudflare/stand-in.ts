// A stand-in for Cloudflare on loopback: its API, and the Worker that was deployed last, running.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { type Refusal, Refused, type State, toEndpoints } from './endpoints.ts'
import { startRuntime } from './runtime.ts'

export const TOKEN = 'a-token-of-cloudflare'
const ACCOUNT = 'the-account'
const API = '/client/v4'

export async function startCloudflare() {
  const state: State = {
    accounts: [{ id: ACCOUNT, name: 'An account' }],
    databases: [],
    workers: new Map(),
  }
  const runtime = await startRuntime()
  const endpoints = toEndpoints(state, runtime)
  const asked: string[] = []
  const refusals = new Map<string, Refusal>()

  async function respond(request: Request): Promise<unknown> {
    const path = new URL(request.url).pathname.slice(API.length)
    const line = `${request.method} ${path.replace(`/accounts/${ACCOUNT}/`, '/')}`
    asked.push(line)
    if (request.headers.get('authorization') !== `Bearer ${TOKEN}`)
      throw new Refused({ status: 401, code: 10000, message: 'Authentication error' })
    for (const [start, refusal] of refusals) if (line.startsWith(start)) throw new Refused(refusal)
    for (const [pattern, endpoint] of endpoints) {
      const [match, name = ''] = pattern.exec(line) ?? []
      if (match) return endpoint(request, name)
    }
    throw new Refused({ status: 404, code: 7003, message: `The stand-in has no ${line}` })
  }

  const server = createServer(async (incoming, outgoing) => {
    const request = await toRequest(incoming)
    const isApi = new URL(request.url).pathname.startsWith(API)
    await send(isApi ? await envelop(respond(request)) : await runtime.fetch(request), outgoing)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    ...state,
    /** Where the Worker that was deployed last is served. */
    url,
    /** The environment of a command that is logged in here. */
    env: { CLOUDFLARE_API_BASE_URL: `${url}${API}`, CLOUDFLARE_API_TOKEN: TOKEN },
    /** The calls so far, as method and path. */
    asked,
    query: runtime.query,
    /** Refuses calls that begin with `start` from now on. */
    refuse: (start: string, refusal: Refusal) => void refusals.set(start, refusal),
    /** Refuses no longer. */
    accept: () => refusals.clear(),
    async stop() {
      server.closeAllConnections()
      server.close()
      await runtime.stop()
    },
  }
}

/** An answer of the API, in its envelope. */
async function envelop(answer: Promise<unknown>): Promise<Response> {
  try {
    return Response.json({ success: true, errors: [], messages: [], result: await answer })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const { status, code, message } = error.refusal
    const errors = [{ code, message }]
    return Response.json({ success: false, errors, messages: [], result: null }, { status })
  }
}

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const { method = 'GET', url = '/' } = incoming
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value))
  const body = new Uint8Array(await buffer(incoming))
  const init = { method, headers, ...(body.length > 0 && { body }) }
  return new Request(new URL(url, 'https://the-edge'), init) // TLS ends there
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  outgoing.end(new Uint8Array(await response.arrayBuffer()))
}
