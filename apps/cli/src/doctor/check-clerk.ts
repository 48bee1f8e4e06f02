import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { splitPublicKeys, variables } from "@rollcall/contracts";
import { askClerk, type ClerkAnswer } from "./ask-clerk.ts";
import { type Environment, type Finding, note, ok, unknown, wrong } from "./finding.ts";

/** Session tokens live for a minute and are allowed this much; webhooks allow five minutes. */
const longestSkewMs = 5_000;
/** The date has seconds only. */
const dateGrainMs = 1_000;

const fromDashboard = "Copy it again from Clerk's dashboard, API keys";

/** The secret key, the clock and the JWT key, by one request to Clerk. */
export async function checkClerk(environment: Environment): Promise<Finding[]> {
  const key = variables.CLERK_SECRET_KEY.safeParse(environment["CLERK_SECRET_KEY"]);
  const url = variables.CLERK_API_URL.safeParse(environment["CLERK_API_URL"]?.trim() || undefined);
  if (!key.success || !url.success) {
    return [unknown("clerk.key", "Not asked: CLERK_SECRET_KEY or CLERK_API_URL is missing or malformed.")];
  }
  const answer = await askClerk(url.data, key.data);
  if (!answer) {
    const mend = "Look at CLERK_API_URL, at DNS and at the firewall between here and Clerk.";
    return [wrong("clerk.reachable", "Clerk does not answer within 5 s.", mend)];
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
  if (protocol === "https:") return ok("clerk.api_url", "Clerk is asked over https.");
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
    ? ok(name, "A live key, and Clerk takes it: 1000 requests in 10 s.")
    : note(name, "A test key, and Clerk takes it: 100 requests in 10 s, and for development only.");
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
    "Have it set by the network: timedatectl set-ntp true",
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
        "CLERK_JWT_KEY holds no key of the instance that CLERK_SECRET_KEY belongs to: every login would be refused.",
        `${fromDashboard}, JWT public key, of the same instance.`,
      );
}

/** Undefined for a kind of key that this Node does not know: it is not ours then. */
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
