import { createHash } from "node:crypto";
import { actedOnEventTypes, clerkUserId } from "@rollcall/contracts";
import { Webhook } from "svix";
import { z } from "zod";

/** A delivery, reduced to the parts that Rollcall uses. */
export type Delivery =
  /** `timestamp`: more than five minutes from now. `signature`: by none of the secrets. The caller never learns which. */
  | { kind: "refused"; reason: "headers" | "timestamp" | "signature" }
  | { kind: "unreadable"; id: string; type: string | null; sizeBytes: number; sha256: string }
  | { kind: "ignored"; id: string; type: string }
  | {
      kind: "event";
      id: string;
      type: (typeof actedOnEventTypes)[number];
      clerkId: string;
      /** Milliseconds since the epoch. */
      eventAtMs: number;
    };

export type DeliveryHeaders = Readonly<Record<string, string | string[] | undefined>>;

export type DeliveryReader = (headers: DeliveryHeaders, rawBody: Buffer) => Delivery;

const actedOn = z.enum(actedOnEventTypes);
const envelope = z.object({
  type: z.string(),
  timestamp: z.unknown().optional(),
  data: z.unknown().optional(),
});
const ownId = z.object({ id: clerkUserId });
const sessionData = z.object({ user_id: clerkUserId });

/**
 * Reads deliveries that Svix signed with any of `secrets`; there are several while a secret is rotated. The signature
 * covers the raw bytes, so the body must be passed as it arrived.
 *
 * @param secrets `whsec_…`
 */
export function createDeliveryReader(secrets: readonly string[]): DeliveryReader {
  const webhooks = secrets.map((secret) => new Webhook(secret));
  return (headers, rawBody) => {
    const signed = readSignedHeaders(headers);
    if (!signed) return { kind: "refused", reason: "headers" };
    for (const webhook of webhooks) {
      const verified = verify(webhook, signed, rawBody);
      if (verified) return readDelivery(signed["svix-id"], verified.event, rawBody);
    }
    return { kind: "refused", reason: isCurrent(signed["svix-timestamp"]) ? "signature" : "timestamp" };
  };
}

/** Svix' own tolerance. */
const toleranceS = 5 * 60;

function isCurrent(timestamp: string): boolean {
  return Math.abs(Date.now() / 1_000 - Number(timestamp)) <= toleranceS;
}

type SignedHeaders = { "svix-id": string; "svix-timestamp": string; "svix-signature": string };

function readSignedHeaders(headers: DeliveryHeaders): SignedHeaders | undefined {
  const read = (name: string) => {
    const value = headers[`svix-${name}`] ?? headers[`webhook-${name}`];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [id, timestamp, signature] = [read("id"), read("timestamp"), read("signature")];
  if (id === undefined || timestamp === undefined || signature === undefined) return undefined;
  return { "svix-id": id, "svix-timestamp": timestamp, "svix-signature": signature };
}

/** Undefined when this secret did not sign the delivery. The event of a signed delivery that is no JSON is undefined. */
function verify(webhook: Webhook, headers: SignedHeaders, rawBody: Buffer): { event: unknown } | undefined {
  try {
    return { event: webhook.verify(rawBody, headers) };
  } catch (error) {
    // svix parses only after it has verified.
    return error instanceof SyntaxError ? { event: undefined } : undefined;
  }
}

function readDelivery(id: string, event: unknown, rawBody: Buffer): Delivery {
  const read = envelope.safeParse(event);
  if (!read.success) return unreadable(id, null, rawBody);
  const { type, timestamp, data } = read.data;
  const known = actedOn.safeParse(type);
  if (!known.success) return { kind: "ignored", id, type };
  const clerkId = readClerkId(known.data, data);
  if (clerkId === undefined) return unreadable(id, known.data, rawBody);
  return { kind: "event", id, type: known.data, clerkId, eventAtMs: readTimestampMs(timestamp) };
}

function readClerkId(type: (typeof actedOnEventTypes)[number], data: unknown): string | undefined {
  return type === "session.created"
    ? sessionData.safeParse(data).data?.user_id
    : ownId.safeParse(data).data?.id;
}

function unreadable(id: string, type: string | null, rawBody: Buffer): Delivery {
  const sha256 = createHash("sha256").update(rawBody).digest("hex");
  return { kind: "unreadable", id, type, sizeBytes: rawBody.length, sha256 };
}

/** Clerk's documentation shows the timestamp in milliseconds in one place, and in seconds in another. */
function readTimestampMs(timestamp: unknown): number {
  const now = Date.now();
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp) || timestamp <= 0) return now;
  const milliseconds = timestamp < 100_000_000_000 ? timestamp * 1_000 : timestamp;
  return Math.min(Math.round(milliseconds), now);
}
