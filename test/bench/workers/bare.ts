// A Worker that returns a constant response: the minimum cost of a request.

const BODY = '{"message":"This is a protected route, and you are authenticated!"}'
const HEADERS = { 'Content-Type': 'application/json' }

export default { fetch: () => new Response(BODY, { headers: HEADERS }) }
