// The files that `npm run mutate` changes, with the tests that should notice, the fastest first.

const GUARD = ['middleware/jwt-positions', 'middleware/jwt-options', 'middleware/jwt']
const ROUTES = ['routes/protected', 'routes/token-types', 'routes/refresh', 'routes/logout']
const AROUND_THE_GUARD = [
  'routes/audit',
  'routes/key-ring',
  'http/refresh-cookie',
  'auth/sessions/revoked-sessions',
  'routes/factors',
  'log',
  'app',
]
const TOKENS = ['auth/tokens/verify', 'auth/tokens/compact-jws', 'auth/tokens/token-cache']
const SESSIONS = ['sessions', 'revoked-sessions', 'attacks'].map((test) => `auth/sessions/${test}`)

export const TARGETS: Record<string, string[]> = {
  'src/middleware/jwt.ts': [...GUARD, ...ROUTES, ...AROUND_THE_GUARD],
  'src/middleware/jwt-options.ts': ['middleware/jwt-options', 'middleware/jwt-positions'],
  'src/auth/tokens/claims.ts': ['auth/tokens/claims', ...TOKENS, ...ROUTES],
  'src/auth/tokens/compact-jws.ts': [
    'auth/tokens/compact-jws',
    'auth/tokens/claims',
    'auth/tokens/verify',
  ],
  'src/auth/tokens/issue.ts': ['routes/login', 'auth/factors/login', ...ROUTES],
  'src/auth/tokens/token-cache.ts': [
    'auth/tokens/token-cache',
    'auth/tokens/verify',
    'middleware/jwt',
  ],
  'src/auth/tokens/verify.ts': [...TOKENS, 'auth/tokens/algorithms', 'middleware/jwt', 'log'],
  'src/auth/sessions/sessions.ts': [
    ...SESSIONS,
    ...ROUTES,
    'routes/sessions',
    'db/faults',
    'auth/login-limit',
    'auth/factors/login',
    'routes/events',
    'log',
  ],
  'src/auth/sessions/revoked-sessions.ts': [...SESSIONS, 'auth/sessions/everyone', 'db/faults'],
  'src/auth/sessions/clean-up.ts': ['auth/sessions/clean-up', 'auth/sessions/sessions'],
  'src/auth/factors/factors.ts': [
    'auth/factors/login',
    'auth/factors/attacks',
    'routes/factors',
    'routes/events',
    'log',
  ],
  'src/auth/factors/totp.ts': ['auth/factors/totp', 'auth/factors/login'],
  'src/auth/keys/seal.ts': ['auth/keys/seal', 'auth/factors/attacks', 'auth/factors/login'],
  'src/auth/keys/key-ring.ts': ['auth/keys/key-ring', 'routes/key-ring', 'auth/tokens/algorithms'],
  'src/auth/keys/jwk.ts': ['auth/keys/key-ring', 'routes/key-ring', 'auth/tokens/algorithms'],
  'src/client/guard/authority.ts': ['client/guard/authenticate'],
  'src/client/guard/authenticate.ts': ['client/guard/authenticate'],
  'src/rpc/guard.ts': ['rpc/guard', 'client/guard/authenticate'],
  'test/audit.ts': ['routes/audit'],
}
