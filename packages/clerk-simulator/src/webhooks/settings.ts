import { randomBytes } from "node:crypto";
import { z } from "zod";

const webhookPatchShape = {
  /** Whether the instance has webhooks; it has them as soon as it has an endpoint. */
  hasApp: z.boolean().optional(),
  /** The endpoint of deliveries; null: events are only counted. */
  url: z.string().nullable().optional(),
  /** `whsec_` and base64; shorthand for a list with one secret. */
  secret: z.string().optional(),
  /** All secrets sign, newest first. There is more than one during a rotation. */
  secrets: z.array(z.string()).min(1).optional(),
  /** Multiplies every wait of the retry schedule; 1 by default. */
  timeScale: z.number().positive().optional(),
  /** The subscribed event types; null: all. */
  events: z.array(z.string()).nullable().optional(),
  /**
   * Whether a deleted user or organization also sends `organizationMembership.deleted` for each membership that ends; true
   * by default. Clerk documents that the memberships end, and not whether their events are sent.
   */
  announcesEnds: z.boolean().optional(),
  /** Unit of the envelope's `timestamp`; Clerk's documentation shows both. */
  timestampUnit: z.enum(["ms", "s"]).optional(),
  /** Deliveries in flight at once; 32 by default. */
  concurrency: z.number().int().positive().optional(),
  /** Timeout of an attempt; null: 15 s × timeScale, and at least 1 s. */
  attemptTimeoutMs: z.number().positive().nullable().optional(),
};

export const webhookPatchSchema = z.object(webhookPatchShape);
export type WebhookPatch = z.input<typeof webhookPatchSchema>;

export type WebhookSettings = {
  hasApp: boolean;
  url: string | null;
  secret: string;
  secrets: string[];
  timeScale: number;
  events: string[] | null;
  announcesEnds: boolean;
  timestampUnit: "ms" | "s";
  concurrency: number;
  attemptTimeoutMs: number | null;
};

/** No endpoint yet, but a signing secret, so that the receiver can start first. */
export function initialSettings(): WebhookSettings {
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  return {
    hasApp: false,
    url: null,
    secret,
    secrets: [secret],
    timeScale: 1,
    events: null,
    announcesEnds: true,
    timestampUnit: "ms",
    concurrency: 32,
    attemptTimeoutMs: null,
  };
}

/** Applies a patch; a missing field keeps its value. */
export function patchSettings(settings: WebhookSettings, patch: WebhookPatch): WebhookSettings {
  const secrets = patch.secrets ?? (patch.secret === undefined ? settings.secrets : [patch.secret]);
  const url = patch.url === undefined ? settings.url : patch.url;
  return {
    hasApp: url !== null || (patch.hasApp ?? settings.hasApp),
    url,
    secret: secrets[0] ?? settings.secret,
    secrets,
    timeScale: patch.timeScale ?? settings.timeScale,
    events: patch.events === undefined ? settings.events : patch.events,
    announcesEnds: patch.announcesEnds ?? settings.announcesEnds,
    timestampUnit: patch.timestampUnit ?? settings.timestampUnit,
    concurrency: patch.concurrency ?? settings.concurrency,
    attemptTimeoutMs:
      patch.attemptTimeoutMs === undefined ? settings.attemptTimeoutMs : patch.attemptTimeoutMs,
  };
}

/** Timeout of one attempt in milliseconds. Svix gives an endpoint 15 s. */
export function attemptTimeoutMs({ attemptTimeoutMs: fixed, timeScale }: WebhookSettings): number {
  // At least 1 s: a scale that turns hours into seconds must not fail an endpoint that answers in 20 ms.
  return fixed ?? Math.max(1000, 15_000 * timeScale);
}
