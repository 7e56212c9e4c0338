// The minimum that an entrypoint for other Workers does with a token: verify() with a key imported once.

import { env, WorkerEntrypoint } from 'cloudflare:workers'
import { verify } from 'hono/jwt'

import { importKey } from '../../../src/auth/keys/key-ring.ts'

const key = importKey(env.JWT_SECRET)

export class Guard extends WorkerEntrypoint {
  async verify(token: string) {
    return verify(token, (await key).verifying, 'HS256')
  }
}

export default { fetch: () => new Response() } satisfies ExportedHandler
