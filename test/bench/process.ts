// What a process has used, from /proc.

import { readdirSync, readFileSync } from 'node:fs'

/** The CPU time of all threads of a process so far, in microseconds (proc_pid_schedstat: nanoseconds on the CPU). */
export function readCpuMicros(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanos = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanos.reduce((sum, one) => sum + one, 0) / 1000
}

/** The memory that a process holds, in MiB. */
export function readMemoryMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}
