// Runs the wrangler of this project's dependencies, without its telemetry.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const manifest = createRequire(import.meta.url).resolve('wrangler/package.json')
const folder = dirname(manifest)
// bin/wrangler.js is a process that starts this one, and exits with 0 when a signal ends it.
const CLI = join(folder, 'wrangler-dist', 'cli.js')
const BIN = existsSync(CLI) ? CLI : join(folder, 'bin', 'wrangler.js')
const END_WITH_PARENT = toImport('../terminal/end-with-parent.ts', 'endWithParent')
const FOLD_SETTINGS = toImport('../dev/fold-settings.ts', 'foldSettings')

/** Returns Node's option that calls a function of a module first. */
function toImport(path: string, name: string): string {
  const { href } = new URL(path, import.meta.url)
  const script = `import { ${name} } from '${href}'; ${name}()`
  return `--import=data:text/javascript,${encodeURIComponent(script)}`
}

type Settings = { env?: Record<string, string>; foldsSettings?: boolean }

/** Starts wrangler. `show` gives it the terminal; `keep` pipes its output. */
export function startWrangler(
  args: string[],
  output: 'show' | 'keep',
  { env = {}, foldsSettings = false }: Settings = {},
) {
  const imports = [END_WITH_PARENT, ...(foldsSettings ? [FOLD_SETTINGS] : [])]
  return spawn(process.execPath, ['--no-warnings', ...imports, BIN, ...args], {
    stdio: output === 'show' ? 'inherit' : 'pipe',
    env: {
      // wrangler downloads an example of `request.cf`, and prints stack traces when it is offline.
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_LOG: 'log',
      // Its log contains what it prints, also the API token of `wrangler auth token`, and others can read it.
      WRANGLER_WRITE_LOGS: 'false',
      ...env,
    },
  })
}

/**
 * Runs wrangler to its end. With `keep`, `input` is its standard input; with `show`, the returned output
 * is empty.
 */
export function runWrangler(
  args: string[],
  output: 'show' | 'keep',
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  const child = startWrangler(args, output, { env })
  let stdout = ''
  let stderr = ''
  child.stdin?.end(input)
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ok: code === 0, stdout, stderr }))
  })
}
