// Compares the responses in the tests with the OpenAPI document.

import { OPERATIONS } from '../../src/contract/operations.ts'

const routes = Object.entries(OPERATIONS).map(([route, operation]) => {
  const [method, path = ''] = route.split(' ')
  const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
  return { route, method, pattern, operation }
})

/** Throws when a described route responds with a status or fields that its description does not contain. */
export async function requireDescribed(
  method: string,
  path: string,
  response: Response,
): Promise<void> {
  const { pathname } = new URL(path, 'https://latchkey.test')
  const found = routes.find((one) => one.method === method && one.pattern.test(pathname))
  if (!found) return
  const { route, operation } = found
  const schema = operation.responses[response.status]
  if (!schema)
    throw new Error(
      `${route} responds with ${response.status}: add it in src/contract/operations.ts`,
    )
  const result = schema.safeParse(await response.clone().json())
  if (!result.success)
    throw new Error(
      `${route} ${response.status} does not match src/contract/operations.ts: ${result.error}`,
    )
}
