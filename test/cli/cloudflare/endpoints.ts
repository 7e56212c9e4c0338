// The endpoints of Cloudflare's API that wrangler 4.156.2 and `npm run deploy` call, over a real D1 and a running Worker.

import type { Binding, Runtime } from './runtime.ts'

export type Refusal = { status: number; code: number; message: string }

/** Thrown by an endpoint that refuses. */
export class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

const NO_WORKER = { status: 404, code: 10007, message: 'This Worker does not exist.' }
const NO_DATABASE = { status: 404, code: 7404, message: 'The database could not be found' }

export type State = {
  accounts: { id: string; name: string }[]
  databases: { uuid: string; name: string }[]
  /** What each deployed Worker is bound to, by its name. */
  workers: Map<string, Binding[]>
}

export type Endpoint = [pattern: RegExp, respond: (request: Request, name: string) => unknown]

export const toEndpoints = (state: State, runtime: Runtime): Endpoint[] => [
  [/^GET \/accounts$/, () => state.accounts],
  ...toDatabaseEndpoints(state, runtime),
  ...toWorkerEndpoints(state, runtime),
]

const toDatabaseEndpoints = ({ databases }: State, runtime: Runtime): Endpoint[] => [
  [
    /^GET \/d1\/database$/,
    ({ url }) => databases.filter(({ name }) => name === new URL(url).searchParams.get('name')),
  ],
  [
    /^POST \/d1\/database$/,
    async (request) => {
      const { name } = (await request.json()) as { name: string }
      const database = { uuid: crypto.randomUUID(), name }
      databases.push(database)
      return database
    },
  ],
  [
    /^GET \/d1\/database\/([\w-]+)$/,
    (_, id) => {
      const database = databases.find(({ uuid }) => uuid === id)
      if (database) return database
      throw new Refused(NO_DATABASE)
    },
  ],
  [
    /^POST \/d1\/database\/([\w-]+)\/query$/,
    async (request, id) =>
      runtime.query(id, await request.json()).catch((error: Error) => {
        throw new Refused({ status: 400, code: 7500, message: error.message })
      }),
  ],
]

function toWorkerEndpoints({ workers }: State, runtime: Runtime): Endpoint[] {
  const subdomains = new Map<string, object>()
  const findWorker = (name: string) => {
    const bindings = workers.get(name)
    if (bindings) return bindings
    throw new Refused(NO_WORKER)
  }

  /** Takes an upload; `inherit` is a secret of the version before it. */
  async function upload(request: Request, name: string) {
    const form = await request.formData()
    const metadata = JSON.parse(String(form.get('metadata')))
    const old = workers.get(name) ?? []
    const bindings = (metadata.bindings as Binding[]).map((binding) =>
      binding.type === 'inherit'
        ? (old.find((it) => it.name === binding.name) ?? binding)
        : binding,
    )
    const files = [...form.values()].filter((value) => value instanceof File)
    const modules = files.map(async (file) => ({
      name: file.name,
      type: file.type,
      contents: new Uint8Array(await file.arrayBuffer()),
    }))
    await runtime.deploy({ ...metadata, bindings, modules: await Promise.all(modules) })
    workers.set(name, bindings)
    const script = { etag: 'e' }
    return { id: crypto.randomUUID(), resources: { script }, startup_time_ms: 1 }
  }

  const script = (rest: string) =>
    new RegExp(`^(?:GET|POST|PUT|PATCH) /workers/scripts/([\\w-]+)${rest}$`)
  return [
    [/^PUT \/workers\/scripts\/([\w-]+)$/, upload],
    [/^POST \/workers\/scripts\/([\w-]+)\/versions$/, upload],
    [script('/settings'), (_, name) => ({ bindings: findWorker(name) })],
    [
      script('/secrets'),
      (_, name) => findWorker(name).filter(({ type }) => type === 'secret_text'),
    ],
    [script('/deployments'), (_, name) => ({ deployments: [], of: findWorker(name) })],
    [script('/assets-upload-session'), () => ({ jwt: 'all-there', buckets: [] })],
    [script('/script-settings'), () => ({})],
    [
      script('/subdomain'),
      async (request, name) => {
        const subdomain = { previews_enabled: false, ...((await request.json()) as object) }
        subdomains.set(name, subdomain)
        return subdomain
      },
    ],
    [script('/schedules'), () => []],
    [
      /^GET \/workers\/workers\/([\w-]+)$/,
      (_, name) => ({ name, of: findWorker(name), subdomain: subdomains.get(name) ?? {} }),
    ],
    [/^GET \/workers\/subdomain$/, () => ({ subdomain: 'stand-in' })],
    [
      /^GET \/workers\/services\/([\w-]+)$/,
      (_, name) => {
        findWorker(name)
        return { default_environment: { script: { last_deployed_from: 'wrangler' } } }
      },
    ],
  ]
}
