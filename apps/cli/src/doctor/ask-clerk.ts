import type { JsonWebKey } from "node:crypto";
import { z } from "zod";

/** What one request tells of Clerk; `answeredAtMs` is by Clerk's clock, `nowMs` by ours. */
export type ClerkAnswer = {
  status: number;
  answeredAtMs: number | undefined;
  nowMs: number;
  keys: readonly JsonWebKey[];
};

const timeoutMs = 5_000;
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/**
 * Asks for the keys that session tokens are signed with: an answer needs the secret key, and carries the date.
 *
 * @returns undefined when nothing answered
 */
export async function askClerk(apiUrl: string, secretKey: string): Promise<ClerkAnswer | undefined> {
  try {
    const startedMs = Date.now();
    const response = await fetch(new URL("/v1/jwks", apiUrl), {
      headers: { authorization: `Bearer ${secretKey}`, accept: "application/json" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const nowMs = (startedMs + Date.now()) / 2;
    const answeredAtMs = Date.parse(response.headers.get("date") ?? "");
    const body = keySet.safeParse(await response.json().catch(() => undefined));
    return {
      status: response.status,
      answeredAtMs: Number.isNaN(answeredAtMs) ? undefined : answeredAtMs,
      nowMs,
      keys: body.data?.keys ?? [],
    };
  } catch {
    return undefined;
  }
}
