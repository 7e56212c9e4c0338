// The guard of Latchkey 0.1.0, written by 'npm run guard'. Do not edit it: run that again.

// src/http/bearer.ts
var BEARER = /^bearer +([^ ]+)$/i;
var readBearer = (header) => BEARER.exec(header)?.[1];
function toHeaderError(header) {
  if (!header) return "authorization_missing";
  return /^bearer( |$)/i.test(header) ? "authorization_malformed" : "authorization_scheme";
}

// src/client/guard/authority.ts
import { waitUntil } from "cloudflare:workers";

// src/auth/sessions/revoked-sessions.ts
var CLOCK_SKEW_SECONDS = 60;
var RevokedSessions = class {
  #ids = /* @__PURE__ */ new Set();
  /** Unix seconds: every session that had started by then is revoked. */
  #revokedBefore = 0;
  #readAtMs = -Infinity;
  #attemptedAtMs = -Infinity;
  #reads = 0;
  #newestRead = 0;
  /** What this isolate revoked itself, with the number of reads started by then: those may miss it. */
  #own = [];
  #read;
  constructor(read) {
    this.#read = read;
  }
  /** Makes revoked sessions known to this isolate at once. */
  add(ids) {
    for (const id of ids) {
      this.#ids.add(id);
      this.#own.push({ id, reads: this.#reads });
    }
  }
  /**
   * Whether a session is revoked, as of at most `maxAgeSeconds` ago. From half that age the list is read
   * again in the background; at that age this waits for a read of its own. Throws `database_failed`.
   */
  has(session, { nowMs, maxAgeSeconds }, waitUntil2) {
    const ageMs = nowMs - this.#readAtMs;
    const maxAgeMs = maxAgeSeconds * 1e3;
    if (ageMs >= maxAgeMs || ageMs < 0)
      return this.#update(nowMs).then(() => this.#contains(session));
    if (ageMs >= maxAgeMs / 2 && nowMs - this.#attemptedAtMs >= maxAgeMs / 2) {
      this.#attemptedAtMs = nowMs;
      waitUntil2(this.#update(nowMs).catch(() => {
      }));
    }
    return this.#contains(session);
  }
  #contains({ sid, auth_time }) {
    return auth_time <= this.#revokedBefore || this.#ids.has(sid);
  }
  async #update(nowMs) {
    this.#reads += 1;
    const number = this.#reads;
    const { ids, revokedBefore } = await this.#read(Math.floor(nowMs / 1e3));
    if (number < this.#newestRead) return;
    this.#newestRead = number;
    this.#own = this.#own.filter(({ reads }) => reads >= number);
    this.#ids = /* @__PURE__ */ new Set([...ids, ...this.#own.map(({ id }) => id)]);
    this.#revokedBefore = Math.max(this.#revokedBefore, revokedBefore);
    this.#readAtMs = nowMs;
  }
};

// src/auth/tokens/token-cache.ts
var MAX_TOKENS = 4096;
var MAX_LENGTH = 1024;
var TokenCache = class {
  #newer = /* @__PURE__ */ new Map();
  #older = /* @__PURE__ */ new Map();
  get(token) {
    const claims = this.#newer.get(token);
    if (claims) return claims;
    const aging = this.#older.get(token);
    if (aging) this.add(token, aging);
    return aging;
  }
  add(token, claims) {
    if (token.length > MAX_LENGTH) return;
    if (this.#newer.size >= MAX_TOKENS / 2) {
      this.#older = this.#newer;
      this.#newer = /* @__PURE__ */ new Map();
    }
    this.#newer.set(token, claims);
  }
};

// src/client/guard/refusals.ts
var REFUSALS = {
  "authorization_missing": {
    "status": 401,
    "headers": {
      "X-Error-Code": "authorization_missing",
      "WWW-Authenticate": 'Bearer realm="latchkey"'
    },
    "body": {
      "msg": "Missing Authorization Header"
    }
  },
  "authorization_scheme": {
    "status": 401,
    "headers": {
      "X-Error-Code": "authorization_scheme",
      "WWW-Authenticate": 'Bearer realm="latchkey"'
    },
    "body": {
      "msg": "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
    }
  },
  "authorization_malformed": {
    "status": 401,
    "headers": {
      "X-Error-Code": "authorization_malformed",
      "WWW-Authenticate": 'Bearer realm="latchkey"'
    },
    "body": {
      "msg": "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
    }
  },
  "token_revoked": {
    "status": 401,
    "headers": {
      "X-Error-Code": "token_revoked",
      "WWW-Authenticate": 'Bearer realm="latchkey", error="invalid_token", error_description="Token has been revoked"'
    },
    "body": {
      "msg": "Token has been revoked"
    }
  }
};

// src/client/guard/authority.ts
var TIMEOUT_MS = 5e3;
var UNREACHABLE = {
  status: 503,
  headers: { "X-Error-Code": "latchkey_unreachable", "Retry-After": "5" },
  body: { error: "Service unavailable" }
};
var Refused = class extends Error {
  refusal;
  constructor(refusal) {
    super(`Latchkey refuses with ${refusal.status}`);
    this.refusal = refusal;
  }
};
var authorities = /* @__PURE__ */ new WeakMap();
var NOT_BOUND = {};
function openAuthority(binding = NOT_BOUND) {
  const open = authorities.get(binding) ?? new Authority(binding);
  authorities.set(binding, open);
  return open;
}
var Authority = class {
  #policy;
  #tokens = new TokenCache();
  #latchkey;
  #revoked;
  constructor(latchkey) {
    this.#latchkey = latchkey;
    this.#revoked = new RevokedSessions(async (now) => {
      const since = now - (this.#policy?.ACCESS_TOKEN_SECONDS ?? now) - CLOCK_SKEW_SECONDS;
      const list = await ask("ids", () => latchkey.revoked(since));
      this.#adopt(list.policy);
      return list;
    });
  }
  /** Returns the claims of a token that meets the options. Throws Refused. */
  async check(token, options) {
    const isPlain = Object.keys(options).length === 0;
    const kept = isPlain && await this.#findKept(token);
    if (kept) return kept;
    const { user, policy } = await ask("user", () => this.#latchkey.verify(token, options));
    this.#adopt(policy);
    if (isPlain && policy.REVOCATION_SECONDS > 0) this.#tokens.add(token, freeze(user));
    return user;
  }
  /** Returns the claims of a token that Latchkey has accepted, unless it may have changed its mind. */
  async #findKept(token) {
    const user = this.#tokens.get(token);
    if (!user || !this.#policy) return void 0;
    const nowMs = Date.now();
    const { ACCESS_TOKEN_SECONDS, REVOCATION_SECONDS: maxAgeSeconds } = this.#policy;
    if (nowMs >= Math.min(user.exp, user.iat + ACCESS_TOKEN_SECONDS) * 1e3) return void 0;
    if (await this.#revoked.has(user, { nowMs, maxAgeSeconds }, waitUntil))
      throw new Refused(REFUSALS.token_revoked);
    return this.#tokens.get(token);
  }
  /** Drops all tokens when Latchkey's keys or settings have changed, and when nothing may be kept. */
  #adopt(policy) {
    const isSame = policy.revision === this.#policy?.revision && policy.REVOCATION_SECONDS > 0;
    if (!isSame) this.#tokens = new TokenCache();
    this.#policy = policy;
  }
};
function freeze(user) {
  for (const value of Object.values(user)) Object.freeze(value);
  return Object.freeze(user);
}
async function ask(name, call) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no response in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  try {
    const answer = await Promise.race([call(), timeout]);
    if (answer.refusal) throw new Refused(answer.refusal);
    if (answer[name] && answer.policy) return answer;
    throw new Error("another Worker responds");
  } catch (error) {
    if (error instanceof Refused) throw error;
    const reason = error instanceof Error ? error.message : "unknown error";
    console.error(`Latchkey is unreachable: ${reason}. See [[services]] in wrangler.toml.`);
    throw new Refused(UNREACHABLE);
  } finally {
    clearTimeout(timer);
  }
}

// src/middleware/jwt-options.ts
var isBoolean = (value) => typeof value === "boolean";
var RULES = {
  tokenType: [
    (value) => ["access", "refresh", "any"].includes(String(value)),
    "'access', 'refresh' or 'any'"
  ],
  optional: [isBoolean, "true or false"],
  fresh: [(value) => Number.isSafeInteger(value) && Number(value) > 0, "a whole number of seconds"],
  roles: [
    (value) => Array.isArray(value) && value.length > 0 && value.every((role) => typeof role === "string"),
    "a list of one or more roles"
  ],
  cookies: [isBoolean, "true or false"]
};
function validateOptions(options) {
  for (const [name2, value] of Object.entries(options)) {
    if (!Object.hasOwn(RULES, name2))
      throw mistake(`unknown option '${name2}'. The options are ${Object.keys(RULES).join(", ")}`);
    const [check, rule] = RULES[name2];
    if (!check(value)) throw mistake(`'${name2}' must be ${rule}`);
  }
  const { tokenType = "access", optional, roles, fresh, cookies } = options;
  const name = roles ? "roles" : "fresh";
  if ((roles || fresh) && tokenType !== "access") throw mistake(`'${name}' requires access tokens`);
  if ((roles || fresh) && optional) throw mistake(`'${name}' cannot be optional`);
  if (cookies && tokenType === "access")
    throw mistake("cookies contain refresh tokens: add tokenType 'refresh' or 'any'");
}
var mistake = (text) => new TypeError(`jwtRequired: ${text}.`);

// src/client/guard/options.ts
function validateGuardOptions(options) {
  if ("tokenType" in options || "cookies" in options)
    throw new TypeError("Only Latchkey accepts refresh tokens: remove 'tokenType' and 'cookies'.");
  validateOptions(options);
}

// src/client/guard/authenticate.ts
async function authenticate(request, env, options = {}) {
  validateGuardOptions(options);
  return decide(request, env, options);
}
async function decide(request, env, { optional, ...others }) {
  try {
    const header = request.headers.get("Authorization");
    if (!header && optional) return { user: void 0 };
    const token = header && readBearer(header);
    if (!token) throw new Refused(REFUSALS[toHeaderError(header)]);
    return { user: await openAuthority(env.LATCHKEY).check(token, others) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { body, ...init } = error.refusal;
    return { response: Response.json(body, init) };
  }
}
export {
  authenticate,
  decide,
  validateGuardOptions
};
