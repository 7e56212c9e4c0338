// A copy of the project in a folder of its own, so that tests leave the developer's database alone.

import { spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
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
    /** Replaces wrangler by a stand-in that records how it was called, and answers with `replies`. */
    standInForWrangler(
      replies: Record<string, { code?: number; stdout?: string; stderr?: string }>,
    ) {
      return this.replaceWrangler(
        `const replies = ${JSON.stringify(replies)}
        const reply = Object.entries(replies).find(([start]) => args.join(' ').startsWith(start))?.[1] ?? {}
        process.stdout.write(reply.stdout ?? '')
        process.stderr.write(reply.stderr ?? '')
        process.exitCode = reply.code ?? 0`,
      )
    },
    /** Puts a recorder before the real wrangler. */
    watchWrangler() {
      const real = JSON.stringify(resolve('node_modules/wrangler/bin/wrangler.js'))
      return this.replaceWrangler(
        `const { spawnSync } = require('node:child_process')
        process.exitCode = spawnSync(process.execPath, [${real}, ...args], { stdio: 'inherit' }).status`,
      )
    },
    /** Replaces wrangler by a script that is recorded with its arguments each time it runs. */
    replaceWrangler(script: string) {
      const record = join(folder, 'calls.jsonl')
      const modules = join(folder, 'node_modules')
      rmSync(modules)
      mkdirSync(join(modules, 'wrangler', 'bin'), { recursive: true })
      for (const name of readdirSync('node_modules'))
        if (name !== 'wrangler') symlinkSync(resolve('node_modules', name), join(modules, name))
      const real = JSON.stringify(resolve('node_modules/wrangler/wrangler-dist/cli.js'))
      writeFileSync(
        join(modules, 'wrangler', 'package.json'),
        '{"name":"wrangler","main":"index.cjs"}',
      )
      writeFileSync(join(modules, 'wrangler', 'index.cjs'), `module.exports = require(${real})`)
      writeFileSync(
        join(modules, 'wrangler', 'bin', 'wrangler.js'),
        `const { appendFileSync, readFileSync } = require('node:fs')
        const args = process.argv.slice(2)
        const stdin = args[0] === 'secret' && args[1] === 'bulk' ? readFileSync(0, 'utf8') : ''
        appendFileSync(${JSON.stringify(record)}, JSON.stringify({ args, stdin }) + '\\n')
        ${script}`,
      )
      return () =>
        readFileSync(record, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { args: string[]; stdin: string })
    },
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
