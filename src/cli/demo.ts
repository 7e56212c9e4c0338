// npm run demo: sends the requests of the lesson's "in action" to a running Worker and checks each response.

import { isDeepStrictEqual } from 'node:util'

import { isHttpUrl, parseArguments } from './terminal/arguments.ts'
import { CommandError, messageOf, runCommand } from './terminal/command-error.ts'
import { print } from './terminal/output.ts'
import { usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run demo [-- <url>]

Calls /protected without a token, logs in as cosmo / space-corgi, and calls
/protected again with the token. Needs a running Worker, by default the one of
'npm run dev' at http://127.0.0.1:8787.`

type Step = {
  title: string
  path: string
  init: RequestInit & { headers: Record<string, string> }
  status: number
  /** Returns what the lesson expects when the body is different. */
  findDifference: (body: Record<string, unknown>) => string | undefined
}

const exactly = (expected: object) => (body: object) =>
  isDeepStrictEqual(body, expected) ? undefined : `expected ${JSON.stringify(expected)}`

const shorten = (text: string) => text.replaceAll(/(eyJ[\w-]{12})[\w.-]+/g, '$1…')

/** Sends one request, shows it and its response, and throws when that is not the lesson's. */
async function runStep(url: string, { title, path, init, status, findDifference }: Step) {
  print(`\n${title}\n  → ${init.method ?? 'GET'} ${path}`)
  for (const [name, value] of Object.entries(init.headers)) print(`    ${name}: ${shorten(value)}`)
  if (init.body) print(`    ${String(init.body)}`)
  const response = await fetch(new URL(path, url), init).catch((error: unknown) => {
    throw new CommandError(
      `\n✗ Nothing responds at ${url} (${messageOf(error)}): start it with 'npm run dev'.`,
    )
  })
  const text = await response.text()
  print(`  ← ${response.status} ${shorten(text)}`)
  let body: Record<string, unknown>
  try {
    body = JSON.parse(text)
  } catch {
    throw new CommandError('✗ Not as the lesson says: the body is not JSON.') // a SyntaxError
  }
  const problem = response.status === status ? findDifference(body) : `expected status ${status}`
  if (problem) throw new CommandError(`✗ Not as the lesson says: ${problem}.`)
  print('  ✓ as the lesson says')
  return body
}

await runCommand(async () => {
  const options = { help: { type: 'boolean', short: 'h' } } as const
  const usage = { script: 'demo', max: 1 }
  const { values, positionals } = parseArguments(process.argv.slice(2), options, usage)
  if (values.help) return print(HELP)
  const url = positionals[0] ?? 'http://127.0.0.1:8787'
  if (!isHttpUrl(url))
    throw usageError(`'${url}' is not a URL that begins with http:// or https://.`, usage)

  await runStep(url, {
    title: '1. The protected endpoint, without logging in',
    path: '/protected',
    init: { headers: {} },
    status: 401,
    findDifference: exactly({ msg: 'Missing Authorization Header' }),
  })
  const { access_token: token } = await runStep(url, {
    title: '2. Logging in, with the correct credentials',
    path: '/login',
    init: {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'cosmo', password: 'space-corgi' }),
    },
    status: 200,
    findDifference: ({ access_token }) =>
      typeof access_token === 'string' ? undefined : 'expected an access_token',
  })
  await runStep(url, {
    title: '3. The protected endpoint again, with the token',
    path: '/protected',
    init: { headers: { Authorization: `Bearer ${token}` } },
    status: 200,
    findDifference: exactly({ message: 'This is a protected route, and you are authenticated!' }),
  })
})
