// A one-time code as an operator hands it over: a link to the page.

import type { CodeResponse } from '../../contract/responses.ts'
import { toMinute } from '../terminal/table.ts'

const LOCAL_URL = 'http://127.0.0.1:8787' // of npm run dev

/** Shows a one-time code as a link. The code is in the fragment, which no server, log or proxy sees. */
export function toCodeOutput(
  { code, expires_at }: CodeResponse,
  { done, publicUrl, options }: { done: string; publicUrl: string; options: { remote: boolean } },
): { text: string; json: unknown } {
  const origin = publicUrl || (options.remote ? undefined : LOCAL_URL)
  const link = origin && `${origin}/#code=${code}`
  const how = link ?? `code ${code} (set PUBLIC_URL in wrangler.toml to get a link)`
  return {
    text: `${done}, once, until ${toMinute(expires_at)} UTC:\n\n  ${how}\n\nHand it over by a channel that only the user reads. It is shown only here.`,
    json: { ok: true, code, expires_at, ...(link && { link }) },
  }
}
