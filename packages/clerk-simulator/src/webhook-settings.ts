import { randomBytes } from "node:crypto";
import { z } from "zod";

const webhookPatchShape = {
  /** Where deliveries go; null: nowhere, and events are only counted. */
  url: z.string().nullable().optional(),
  /** `whsec_` and base64; shorthand for one of `secrets`. */
  secret: z.string().optional(),
  /** All of them sign, newest first: more than one while a secret is being rotated. */
  secrets: z.array(z.string()).min(1).optional(),
  /** Factor on every wait of the retry schedule, 1 by default. */
  timeScale: z.number().positive().optional(),
  /** Types that the endpoint subscribed to; null: all. */
  events: z.array(z.string()).nullable().optional(),
  /** Unit of the envelope's `timestamp`; Clerk's documents show both. */
  timestampUnit: z.enum(["ms", "s"]).optional(),
  /** Deliveries in flight at once, 32 by default. */
  concurrency: z.number().int().positive().optional(),
  /** How long an attempt may take; null: 15 s × timeScale, but at least a second. */
  attemptTimeoutMs: z.number().positive().nullable().optional(),
};

export const webhookPatchSchema = z.object(webhookPatchShape);
export type WebhookPatch = z.input<typeof webhookPatchSchema>;

export type WebhookSettings = {
  url: string | null;
  secret: string;
  secrets: string[];
  timeScale: number;
  events: string[] | null;
  timestampUnit: "ms" | "s";
  concurrency: number;
  attemptTimeoutMs: number | null;
};

/** An endpoint that is not there yet, with a signing secret of its own so that the receiver can start first. */
export function initialSettings(): WebhookSettings {
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  return {
    url: null,
    secret,
    secrets: [secret],
    timeScale: 1,
    events: null,
    timestampUnit: "ms",
    concurrency: 32,
    attemptTimeoutMs: null,
  };
}

/** The settings with a patch laid over them; what the patch leaves out stays. */
export function patchSettings(settings: WebhookSettings, patch: WebhookPatch): WebhookSettings {
  const secrets = patch.secrets ?? (patch.secret === undefined ? settings.secrets : [patch.secret]);
  return {
    url: patch.url === undefined ? settings.url : patch.url,
    secret: secrets[0] ?? settings.secret,
    secrets,
    timeScale: patch.timeScale ?? settings.timeScale,
    events: patch.events === undefined ? settings.events : patch.events,
    timestampUnit: patch.timestampUnit ?? settings.timestampUnit,
    concurrency: patch.concurrency ?? settings.concurrency,
    attemptTimeoutMs:
      patch.attemptTimeoutMs === undefined ? settings.attemptTimeoutMs : patch.attemptTimeoutMs,
  };
}

/** How long one attempt may take, in milliseconds. Svix gives an endpoint 15 s. */
export function attemptTimeoutMs({ attemptTimeoutMs: fixed, timeScale }: WebhookSettings): number {
  // A floor, because a scale that makes hours pass in seconds must not fail an endpoint that answers in 20 ms.
  return fixed ?? Math.max(1000, 15_000 * timeScale);
}
