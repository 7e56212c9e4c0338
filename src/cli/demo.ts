// npm run demo: the lesson's "in action", as real requests to a running Worker, each answer checked.

import { isDeepStrictEqual, parseArgs } from 'node:util'

import { Failure, messageOf, runCommand } from './terminal/failure.ts'

const HELP = `Usage: npm run demo [-- <url>]

Calls /protected without a token, logs in as cosmo / space-corgi, and calls it again with the token.
Needs a running Worker: http://127.0.0.1:8787 by default, which 'npm run dev' serves.`

type Step = {
  title: string
  path: string
  init: RequestInit & { headers: Record<string, string> }
  status: number
  /** What the lesson says of the body; undefined when it is as it says. */
  differs: (body: Record<string, unknown>) => string | undefined
}

const exactly = (expected: object) => (body: object) =>
  isDeepStrictEqual(body, expected) ? undefined : `expected ${JSON.stringify(expected)}`

const shorten = (text: string) => text.replaceAll(/(eyJ[\w-]{12})[\w.-]+/g, '$1…')

/** Sends one request, shows it and its answer, and fails where that is not the lesson's. */
async function take(url: string, { title, path, init, status, differs }: Step) {
  console.log(`\n${title}\n  → ${init.method ?? 'GET'} ${path}`)
  for (const [name, value] of Object.entries(init.headers))
    console.log(`    ${name}: ${shorten(value)}`)
  if (init.body) console.log(`    ${String(init.body)}`)
  const response = await fetch(new URL(path, url), init).catch((error: unknown) => {
    throw new Failure(
      `\n✗ Nothing answers at ${url} (${messageOf(error)}): 'npm run dev' serves it.`,
    )
  })
  const text = await response.text()
  console.log(`  ← ${response.status} ${shorten(text)}`)
  let body: Record<string, unknown>
  try {
    body = JSON.parse(text)
  } catch {
    throw new Failure('✗ Not as the lesson says: the body is no JSON.') // a SyntaxError
  }
  const problem = response.status === status ? differs(body) : `expected status ${status}`
  if (problem) throw new Failure(`✗ Not as the lesson says: ${problem}.`)
  console.log('  ✓ as the lesson says')
  return body
}

await runCommand(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    strict: false,
    options: { help: { type: 'boolean' } },
  })
  if (values.help) return console.log(HELP)
  const url = positionals[0] ?? 'http://127.0.0.1:8787'
  if (positionals.length > 1 || !URL.canParse(url))
    throw new Failure(`'${url}' is no URL.\n\n${HELP}`, 2)

  await take(url, {
    title: '1. The protected endpoint, without logging in',
    path: '/protected',
    init: { headers: {} },
    status: 401,
    differs: exactly({ msg: 'Missing Authorization Header' }),
  })
  const { access_token: token } = await take(url, {
    title: '2. Logging in, with the correct credentials',
    path: '/login',
    init: {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: 'cosmo', password: 'space-corgi' }),
    },
    status: 200,
    differs: ({ access_token }) =>
      typeof access_token === 'string' ? undefined : 'expected an access_token',
  })
  await take(url, {
    title: '3. The protected endpoint again, with the token',
    path: '/protected',
    init: { headers: { Authorization: `Bearer ${token}` } },
    status: 200,
    differs: exactly({ message: 'This is a protected route, and you are authenticated!' }),
  })
})
