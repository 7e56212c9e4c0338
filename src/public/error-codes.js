// Reads an error response's codes. Its English texts may change, its codes do not.
// @ts-check

/** Returns the error code, such as `token_expired`; empty if there is none. @param {Response} response */
export const readErrorCode = ({ headers }) => headers.get('X-Error-Code') ?? ''

/** Whether the token itself was rejected (RFC 6750 3.1), not its role or age. @param {Response} response */
export const isInvalidToken = ({ status, headers }) =>
  status === 401 && (headers.get('WWW-Authenticate') ?? '').includes('error="invalid_token"')
