import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { splitPublicKeys, variables } from "@rollcall/contracts";
import { z } from "zod";
import type { Environment } from "../../cli.ts";
import { type Finding, note, ok, unknown, wrong } from "./finding.ts";

/** Session tokens live for one minute and tolerate this much; webhooks tolerate five minutes. */
const longestSkewMs = 5_000;
/** The date header has whole seconds. */
const dateGrainMs = 1_000;

const fromDashboard = "Copy it again from Clerk's dashboard, API keys";

/** Checks the secret key, the clock and the JWT key with one request to Clerk. */
export async function checkClerk(environment: Environment): Promise<Finding[]> {
  const key = variables.CLERK_SECRET_KEY.safeParse(environment["CLERK_SECRET_KEY"]);
  const url = variables.CLERK_API_URL.safeParse(environment["CLERK_API_URL"]?.trim() || undefined);
  if (!key.success || !url.success) {
    return [unknown("clerk.key", "Not checked: CLERK_SECRET_KEY or CLERK_API_URL is missing or malformed.")];
  }
  const answer = await askClerk(url.data, key.data);
  if (!answer) {
    const fix = "Check CLERK_API_URL, DNS and the firewall between this machine and Clerk.";
    return [wrong("clerk.reachable", "Clerk does not answer within 5 s.", fix)];
  }
  return [
    checkApiUrl(url.data),
    checkKey(key.data, answer),
    checkClock(answer),
    checkJwtKey(environment["CLERK_JWT_KEY"], answer),
  ];
}

function checkApiUrl(apiUrl: string): Finding {
  const { protocol, hostname } = new URL(apiUrl);
  if (protocol === "https:") return ok("clerk.api_url", "Requests to Clerk go over https.");
  return ["127.0.0.1", "localhost", "[::1]"].includes(hostname)
    ? note("clerk.api_url", "Clerk is a simulator on this machine.")
    : wrong(
        "clerk.api_url",
        "The secret key goes over the network unencrypted.",
        "Use https in CLERK_API_URL.",
      );
}

function checkKey(secretKey: string, { status }: ClerkAnswer): Finding {
  const name = "clerk.key";
  if (status === 401 || status === 403)
    return wrong(name, `Clerk refuses CLERK_SECRET_KEY (${status}).`, `${fromDashboard}, Secret keys.`);
  if (status !== 200) return unknown(name, `Clerk answered ${status}.`);
  return secretKey.startsWith("sk_live_")
    ? ok(name, "A live key that Clerk accepts: 1000 requests in 10 s.")
    : note(name, "A test key that Clerk accepts: 100 requests in 10 s, for development only.");
}

function checkClock({ answeredAtMs, nowMs }: ClerkAnswer): Finding {
  const name = "clerk.clock";
  if (answeredAtMs === undefined) return unknown(name, "Clerk's answer has no date.");
  const skewMs = nowMs - (answeredAtMs + dateGrainMs / 2);
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (Math.abs(skewMs) <= longestSkewMs + dateGrainMs / 2) return ok(name, `Within ${seconds} s of Clerk's.`);
  return wrong(
    name,
    `This machine's clock is ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} Clerk's: session tokens allow 5 s, webhooks 5 min.`,
    "Set it from the network: timedatectl set-ntp true",
  );
}

function checkJwtKey(pem: string | undefined, { status, keys }: ClerkAnswer): Finding {
  const name = "clerk.jwt_key";
  const read = variables.CLERK_JWT_KEY.safeParse(pem);
  if (status !== 200 || !read.success) return unknown(name, "Not compared with Clerk's keys.");
  const own = splitPublicKeys(read.data).map((key) => fingerprint(createPublicKey(key)));
  return keys.some((jwk) => own.includes(readFingerprint(jwk) ?? ""))
    ? ok(name, "CLERK_JWT_KEY holds a key of the instance that CLERK_SECRET_KEY belongs to.")
    : wrong(
        name,
        "CLERK_JWT_KEY holds no key of the instance that CLERK_SECRET_KEY belongs to: every login is refused.",
        `${fromDashboard}, JWT public key, of the same instance.`,
      );
}

/** Undefined for a type of key that this Node does not support; CLERK_JWT_KEY cannot hold one. */
function readFingerprint(jwk: JsonWebKey): string | undefined {
  try {
    return fingerprint(createPublicKey({ key: jwk, format: "jwk" }));
  } catch {
    return undefined;
  }
}

function fingerprint(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).toString("base64");
}

/** Clerk's answer. `answeredAtMs` is the time of Clerk's clock, `nowMs` of ours. */
type ClerkAnswer = {
  status: number;
  answeredAtMs: number | undefined;
  nowMs: number;
  keys: readonly JsonWebKey[];
};

const timeoutMs = 5_000;
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/**
 * Reads the public keys of session tokens. The request needs the secret key, and the answer has a date.
 *
 * @returns undefined without an answer
 */
async function askClerk(apiUrl: string, secretKey: string): Promise<ClerkAnswer | undefined> {
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
