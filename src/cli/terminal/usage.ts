// Wrong usage: one short message with the nearest match, and the command that prints the help.

import { CommandError } from './command-error.ts'
import { toCommand } from './quote.ts'

/** The name of a script of package.json, and the commands before the arguments in question. */
export type Script = { script: string; command?: string[] }

/** Returns an error about the command line. It says how to get the help instead of printing it. */
export const usageError = (message: string, { script, command = [] }: Script): CommandError =>
  new CommandError(`${message}\nHelp: ${toCommand(script, [...command, '--help'])}`, 2)

/** What people type who are used to another program. */
const SYNONYMS: Record<string, string> = {
  create: 'add',
  delete: 'remove',
  del: 'remove',
  rm: 'remove',
  ls: 'list',
  show: 'list',
  password: 'passwd',
  new: 'generate',
}

/** Returns the candidate that was probably meant; undefined when none is near. */
export function findNearest(word: string, candidates: string[]): string | undefined {
  const synonym = Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word] : undefined
  if (synonym && candidates.includes(synonym)) return synonym
  const maxDistance = Math.min(2, Math.floor(word.length / 2))
  const [nearest] = candidates
    .map((candidate) => ({ candidate, distance: countEdits(word.toLowerCase(), candidate) }))
    .filter(({ distance }) => distance <= maxDistance)
    .toSorted((one, other) => one.distance - other.distance)
  return nearest?.candidate ?? candidates.find((candidate) => isPrefix(word, candidate))
}

const isPrefix = (word: string, candidate: string) =>
  word.length >= 2 && (candidate.startsWith(word) || word.startsWith(candidate))

/** Returns how many characters must be inserted, deleted or replaced. */
function countEdits(from: string, to: string): number {
  if (from.length > 40) return from.length // no command is that long
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [at, letter] of [...from].entries()) {
    const next = [at + 1]
    for (const [index, other] of [...to].entries()) {
      const replaced = (row[index] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

/** Returns the error for a command that does not exist. */
export function unknownCommand(word: string, commands: string[], script: Script): CommandError {
  const nearest = findNearest(word, commands)
  const advice = nearest ? ` Did you mean '${nearest}'?` : toList(commands)
  return usageError(`Unknown command '${word}'.${advice}`, script)
}

export const missingCommand = (commands: string[], script: Script): CommandError =>
  usageError(`Missing command.${toList(commands)}`, script)

/** In lines of at most 80 characters. */
const toList = (words: string[]) =>
  `\n\n${words.join(', ').replaceAll(/.{1,78}(?: |$)/g, (line) => `  ${line.trim()}\n`)}`
