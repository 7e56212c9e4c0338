// Starts a command, or says what is missing. JavaScript of any age: Node 20 runs it without the package `node`.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const MIN_NODE = [22, 18] // from here on Node runs TypeScript
const [command = ''] = process.argv.splice(2, 1)

/** Returns what to do before any command can run; undefined when nothing is missing. */
function findProblem() {
  if (!existsSync('node_modules')) return "Nothing is installed yet. Run 'npm install' first."
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [minMajor = 0, minMinor = 0] = MIN_NODE
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return undefined
  return `This is Node ${process.versions.node}, and ${MIN_NODE.join('.')} or later is needed. Install it, or run 'npm rebuild node': install scripts are off, so the package of Node 24 is incomplete.`
}

const problem = findProblem()
if (problem) {
  console.error(problem)
  process.exitCode = 1
} else {
  const file = new URL(`${command}.ts`, import.meta.url)
  process.argv[1] = fileURLToPath(file) // the command reads its arguments as if Node had started it
  await import(file.href).catch((error) => {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error(
      `A package is missing. Run 'npm install' with all dependencies.\n${error.message}`,
    )
    process.exitCode = 1
  })
}
