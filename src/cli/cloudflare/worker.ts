// The deployed Worker, as Cloudflare's API knows it.

import { type Api, ApiError } from './api.ts'

const NO_WORKER = new Set([10007, 10090]) // the API's codes when no such Worker was deployed

/** Returns the names of a Worker's secrets; undefined when there is no such Worker yet. */
export async function listSecrets(api: Api, worker: string): Promise<string[] | undefined> {
  try {
    const secrets = (await api.call(`/workers/scripts/${worker}/secrets`)) as { name: string }[]
    return secrets.map(({ name }) => name)
  } catch (error) {
    // Any other error must not look like a missing secret: a new one would end every session.
    if (error instanceof ApiError && error.codes.some((code) => NO_WORKER.has(code)))
      return undefined
    throw error
  }
}
