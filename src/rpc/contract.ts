// What Latchkey and the guard of other Workers say to each other. Its types only grow, and Latchkey is deployed first.

/** The claims of an access token. Times are Unix seconds. */
export type AccessClaims = Readonly<{
  iss: string
  aud: string
  /** The username. */
  sub: string
  /** The session's id. */
  sid: string
  /** When the password was last checked. */
  auth_time: number
  iat: number
  nbf?: number | undefined
  exp: number
  type: 'access'
  jti: string
  roles: readonly string[]
  /** How the user logged in (RFC 8176, RFC 9068 2.2.1). */
  amr?: readonly string[] | undefined
  acr?: string | undefined
}>

/** An error as it is sent to the client. */
export type Refusal = {
  status: number
  headers: Record<string, string>
  body: { msg: string } | { error: unknown }
}

/** What a Worker may keep. Another `revision` (a key, an issuer, an audience, a lifetime) ends all that it has kept. */
export type CachePolicy = {
  revision: string
  /** How long an access token is valid. */
  ACCESS_TOKEN_SECONDS: number
  /** How old the list of revoked sessions may be; 0: nothing may be kept, and nothing that was kept may be used. */
  REVOCATION_SECONDS: number
}

export type Verdict =
  | { user: AccessClaims; policy: CachePolicy; refusal?: undefined }
  | { refusal: Refusal }

/** Session ids, and the Unix time up to which every session that had started is revoked. */
export type Revoked =
  | { ids: string[]; revokedBefore: number; policy: CachePolicy; refusal?: undefined }
  | { refusal: Refusal }

/** The entrypoint `Guard`, as a service binding reaches it. */
export type Latchkey = {
  verify(token: string, options: object): Promise<Verdict>
  revoked(since: number): Promise<Revoked>
}
