// A copy of the project in a folder of its own, so that tests leave the developer's database alone.

import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export type Outcome = { code: number | null; stdout: string; stderr: string }

export function createProject() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  for (const entry of ['src', 'wrangler.toml', 'package.json'])
    cpSync(entry, join(folder, entry), { recursive: true })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))

  return {
    folder,
    /** Writes a file of the project. */
    write: (path: string, content: string) => writeFileSync(join(folder, path), content),
    remove: () => rmSync(folder, { recursive: true }),
    /** Starts `node src/cli/<command>.ts`. */
    start(command: string, args: string[] = [], env: Record<string, string> = {}) {
      const { FORCE_COLOR: _, ...inherited } = process.env
      return spawn(process.execPath, [`src/cli/${command}.ts`, ...args], {
        cwd: folder,
        env: { ...inherited, NO_COLOR: '1', ...env },
      })
    },
    /** Runs a command to its end, with `input` on standard input. */
    run(
      command: string,
      args: string[] = [],
      input = '',
      env: Record<string, string> = {},
    ): Promise<Outcome> {
      const child = this.start(command, args, env)
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
      child.stdin.end(input)
      return new Promise((done) => {
        child.once('close', (code) => done({ code, stdout, stderr }))
      })
    },
  }
}
