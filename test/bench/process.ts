// Reads the resource usage of a process from /proc.

import { readdirSync, readFileSync } from 'node:fs'

/** Returns the CPU time of all threads of a process, in microseconds (from schedstat, in nanoseconds). */
export function readCpuMicros(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanos = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanos.reduce((sum, threadNanos) => sum + threadNanos, 0) / 1000
}

/** Returns the resident memory of a process, in MiB. */
export function readMemoryMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}
