// A Worker that answers a constant: the floor of what a request costs.

const BODY = '{"message":"This is a protected route, and you are authenticated!"}'
const HEADERS = { 'Content-Type': 'application/json' }

export default { fetch: () => new Response(BODY, { headers: HEADERS }) }
