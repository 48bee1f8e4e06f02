import type { GetToken } from "../rollcall-client.ts";

/** Clerk's tokens live for 60 s. A token older than this could expire during a request. */
const usedForMs = 45_000;

/** Returns the same token for 45 s. Callers at the same time share one request. With `skipCache` a new one is made. */
export function createTokenSource(makeToken: () => Promise<string | null>): GetToken {
  let token: Promise<string | null> | undefined;
  let madeAtMs = 0;
  return ({ skipCache = false } = {}) => {
    if (token === undefined || skipCache || Date.now() - madeAtMs > usedForMs) {
      madeAtMs = Date.now();
      const asked = makeToken();
      token = asked;
      const forget = () => {
        if (token === asked) token = undefined;
      };
      asked.then((made) => made === null && forget(), forget);
    }
    return token;
  };
}
