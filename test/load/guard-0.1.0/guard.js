// The guard of Latchkey 0.1.0, written by 'npm run guard'. Do not edit it: run that again.

// src/client/guard/guard.ts
import { HTTPException } from "hono/http-exception";
import { decide, validateGuardOptions } from "./authenticate.js";
function jwtRequired(options = {}) {
  validateGuardOptions(options);
  return async function requireToken(c, next) {
    const { user, response } = await decide(c.req.raw, c.env, options);
    if (response)
      throw new HTTPException(response.status, { res: response });
    c.set("user", user);
    return next();
  };
}
export {
  jwtRequired
};
