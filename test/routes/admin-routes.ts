/** Every admin route, with a valid body if it needs one. */
export const ADMIN_ROUTES: [method: string, path: string, body?: object][] = [
  ['GET', '/users'],
  ['POST', '/users', { username: 'eve', password: 'correct horse battery', roles: ['editor'] }],
  ['GET', '/users/cosmo'],
  ['PATCH', '/users/cosmo', { roles: ['admin'] }],
  ['DELETE', '/users/cosmo'],
  ['GET', '/users/cosmo/sessions'],
  ['DELETE', '/users/cosmo/sessions'],
  ['POST', '/users/cosmo/reset-code'],
  ['DELETE', '/users/cosmo/factors'],
  ['GET', '/events'],
]
