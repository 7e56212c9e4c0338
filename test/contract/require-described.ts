// Holds what the API answers in the tests against its description.

import { OPERATIONS } from '../../src/contract/operations.ts'

const routes = Object.entries(OPERATIONS).map(([route, operation]) => {
  const [method, path = ''] = route.split(' ')
  const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
  return { route, method, pattern, operation }
})

/** Throws when a described route answers with another status, or other fields, than its description has. */
export async function requireDescribed(
  method: string,
  path: string,
  response: Response,
): Promise<void> {
  const { pathname } = new URL(path, 'https://latchkey.test')
  const found = routes.find((one) => one.method === method && one.pattern.test(pathname))
  if (!found) return
  const { route, operation } = found
  const schema = operation.answers[response.status]
  if (!schema)
    throw new Error(`${route} answers ${response.status}: add it in src/contract/operations.ts`)
  const result = schema.safeParse(await response.clone().json())
  if (!result.success)
    throw new Error(
      `${route} ${response.status} is not as src/contract/operations.ts has it: ${result.error}`,
    )
}
