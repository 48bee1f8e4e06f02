import { origin, type TokenMint } from "../../chaos/stage/session-tokens.ts";
import { encodeRequest } from "./http-load.ts";

/** A call of ensure as a browser sends it, for each of the users. */
export function encodeEnsureCalls(
  path: string,
  tokens: TokenMint,
  clerkIds: readonly string[],
): Promise<Buffer[]> {
  return Promise.all(
    clerkIds.map(async (clerkId) =>
      encodeRequest(path, {
        authorization: `Bearer ${await tokens.mint(clerkId)}`,
        origin,
        accept: "*/*",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
      }),
    ),
  );
}
