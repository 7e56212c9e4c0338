// Ends a process when its parent is gone: a killed npm would leave a server on the port.

import { spawnSync } from 'node:child_process'

const INTERVAL_MS = 500

/** Sends SIGTERM to this process when its parent has ended, if npm has started it. */
export function endWithParent(): void {
  // Without npm, a server that was started in the background may outlive its shell.
  if (!process.env.npm_lifecycle_event) return
  const parent = process.ppid
  const npm = findNpm(parent)
  setInterval(() => {
    if (process.ppid !== parent || !isAlive(npm)) process.kill(process.pid, 'SIGTERM')
  }, INTERVAL_MS).unref()
}

/** npm starts a shell, which may stay between the two. */
function findNpm(parent: number): number {
  const args = ['-o', 'ppid=,comm=', '-p', String(parent)]
  const { stdout = '' } = spawnSync('ps', args, { encoding: 'utf8' })
  const [, grandparent] = /^\s*(\d+) +\S*sh$/.exec(stdout?.trimEnd() ?? '') ?? []
  return Number(grandparent ?? parent)
}

/** Returns whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false // ESRCH
  }
}
