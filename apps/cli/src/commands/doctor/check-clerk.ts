import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { createInstanceApi } from "@rollcall/clerk/instance";
import { AppError, splitPublicKeys, variables } from "@rollcall/contracts";
import type { Cli, Environment } from "../../cli.ts";
import { type Finding, note, ok, unknown, wrong } from "./finding.ts";

/** Session tokens live for one minute and tolerate this much; webhooks tolerate five minutes. */
const longestSkewMs = 5_000;
/** The date header has whole seconds. */
const dateGrainMs = 1_000;
const timeoutMs = 5_000;

const fromDashboard = "Copy it again from Clerk's dashboard, API keys";

/** Checks the secret key, the clock, the JWT key, and whether the instance has webhooks, with one request for each answer. */
export async function checkClerk(
  environment: Environment,
  { leaveRequest }: Pick<Cli, "leaveRequest">,
): Promise<Finding[]> {
  const key = variables.CLERK_SECRET_KEY.safeParse(environment["CLERK_SECRET_KEY"]);
  const url = variables.CLERK_API_URL.safeParse(environment["CLERK_API_URL"]?.trim() || undefined);
  if (!key.success || !url.success) {
    return [unknown("clerk.key", "Not checked: CLERK_SECRET_KEY or CLERK_API_URL is missing or malformed.")];
  }
  const options = { secretKey: key.data, apiUrl: url.data, timeoutMs, onAbandoned: leaveRequest };
  const { readKeys, findWebhookPage } = createInstanceApi(options);
  const [clock, keys, page] = await Promise.all([
    readClock(url.data),
    settle(readKeys()),
    settle(findWebhookPage()),
  ]);
  if (!clock) {
    const fix = "Check CLERK_API_URL, DNS and the firewall between this machine and Clerk.";
    return [wrong("clerk.reachable", "Clerk does not answer within 5 s.", fix)];
  }
  return [
    checkApiUrl(url.data),
    checkKey(key.data, keys),
    checkClock(clock),
    checkJwtKey(environment["CLERK_JWT_KEY"], keys),
    checkWebhooks(Boolean(environment["CLERK_WEBHOOK_SIGNING_SECRET"]?.trim()), page),
  ];
}

type Settled<T> = { value: T } | { error: AppError };

async function settle<T>(answer: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await answer };
  } catch (error) {
    if (error instanceof AppError) return { error };
    throw error;
  }
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

function checkKey(secretKey: string, keys: Settled<unknown>): Finding {
  const name = "clerk.key";
  if ("error" in keys) {
    const { code, message } = keys.error;
    return code === "clerk.unauthorized"
      ? wrong(name, `Clerk refuses CLERK_SECRET_KEY: ${message}.`, `${fromDashboard}, Secret keys.`)
      : unknown(name, `${message}.`);
  }
  return secretKey.startsWith("sk_live_")
    ? ok(name, "A live key that Clerk accepts: 1000 requests in 10 s.")
    : note(name, "A test key that Clerk accepts: 100 requests in 10 s, for development only.");
}

/** Clerk tells whether an instance has webhooks, and has no API that lists their endpoints. */
function checkWebhooks(hasSecret: boolean, page: Settled<string | undefined>): Finding {
  const name = "clerk.webhooks";
  if ("error" in page) return unknown(name, `Not known: ${page.error.message}.`);
  if (page.value !== undefined)
    return ok(
      name,
      "Webhooks are on at Clerk. Its API lists no endpoints; webhook.deliveries says what arrived.",
    );
  const says = "This Clerk instance has no webhooks, and so no endpoint.";
  return hasSecret
    ? wrong(
        name,
        `${says} CLERK_WEBHOOK_SIGNING_SECRET must belong to another one.`,
        "rollcall clerk setup turns them on, and prints how to add the endpoint.",
      )
    : note(name, `${says} rollcall clerk setup turns them on.`);
}

function checkClock({ answeredAtMs, nowMs }: Clock): Finding {
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

function checkJwtKey(pem: string | undefined, keys: Settled<readonly JsonWebKey[]>): Finding {
  const name = "clerk.jwt_key";
  const read = variables.CLERK_JWT_KEY.safeParse(pem);
  if ("error" in keys || !read.success) return unknown(name, "Not compared with Clerk's keys.");
  const own = splitPublicKeys(read.data).map((key) => fingerprint(createPublicKey(key)));
  return keys.value.some((jwk) => own.includes(readFingerprint(jwk) ?? ""))
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

/** `answeredAtMs` is the time of Clerk's clock, `nowMs` of ours. */
type Clock = { answeredAtMs: number | undefined; nowMs: number };

/**
 * Reads the date of any answer, also of a refusal, so this request has no key. Clerk's package keeps no header.
 *
 * @returns undefined without an answer
 */
async function readClock(apiUrl: string): Promise<Clock | undefined> {
  try {
    const startedMs = Date.now();
    const response = await fetch(new URL("/v1/jwks", apiUrl), { signal: AbortSignal.timeout(timeoutMs) });
    const nowMs = (startedMs + Date.now()) / 2;
    await response.body?.cancel();
    const answeredAtMs = Date.parse(response.headers.get("date") ?? "");
    return { answeredAtMs: Number.isNaN(answeredAtMs) ? undefined : answeredAtMs, nowMs };
  } catch {
    return undefined;
  }
}
