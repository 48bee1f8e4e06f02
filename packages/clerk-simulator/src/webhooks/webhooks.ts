import { z } from "zod";
import type { Random } from "../random.ts";
import { createDeliveryQueue, type Delivery } from "./delivery-queue.ts";
import { type CurrentDisturbance, createDisturber, type Disturbance } from "./disturbance.ts";
import {
  createWebhookLog,
  type MessageFilter,
  type WebhookMessage,
  type WebhookTotals,
} from "./message-log.ts";
import { createWebhookSender, signWebhook, type WebhookHeaders } from "./sender.ts";
import { initialSettings, patchSettings, type WebhookPatch, type WebhookSettings } from "./settings.ts";

/** Waits before the second and later attempts, in milliseconds. Source: Svix's retry schedule. */
const retryWaitsMs = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000];

export const signOptionsSchema = z.object({
  id: z.string().optional(),
  /** Seconds since the epoch; now by default. */
  timestamp: z.number().int().optional(),
});
export const drainOptionsSchema = z.object({
  /** True: also wait for later retries, until each message is delivered or has failed. */
  retries: z.boolean().optional(),
});
export const releaseOptionsSchema = z.object({ order: z.enum(["sent", "reversed", "shuffled"]).optional() });

export type SignOptions = z.input<typeof signOptionsSchema>;
export type DrainOptions = z.input<typeof drainOptionsSchema>;
export type ReleaseOptions = z.input<typeof releaseOptionsSchema>;

export type Webhooks = {
  configure(patch: WebhookPatch): WebhookSettings;
  settings(): WebhookSettings;
  disturb(disturbance: Disturbance): void;
  calm(): void;
  disturbance(): CurrentDisturbance;
  hold(): void;
  release(options?: ReleaseOptions): void;
  list(filter?: MessageFilter): WebhookMessage[];
  totals(): WebhookTotals;
  drain(options?: DrainOptions): Promise<void>;
  sign(body: string, options?: SignOptions): WebhookHeaders;
  /** Queues an event and returns at once; `json` becomes the envelope's `data` without being parsed. */
  announce(type: string, userId: string, json: string): void;
  close(): Promise<void>;
};

type WebhooksContext = {
  instanceId: string;
  random: Random;
  now: () => number;
  /** Called for each new message and after each change of its state. */
  onMessage?: ((message: WebhookMessage) => void) | undefined;
};

/** Clerk's webhooks as Svix delivers them: at least once, in any order, with retries for more than a day. */
export function createWebhooks({ instanceId, random, now, onMessage }: WebhooksContext): Webhooks {
  const log = createWebhookLog(now, onMessage);
  const sender = createWebhookSender(now);
  const disturber = createDisturber(random);
  let settings = initialSettings();
  const queue = createDeliveryQueue<WebhookMessage>({
    send: attempt,
    concurrency: () => settings.concurrency,
    delayMs: disturber.delayMs,
    shuffleSize: disturber.shuffle,
    shuffle: random.shuffle,
  });
  const openCopies = new Map<WebhookMessage, number>();

  function envelope(type: string, json: string): string {
    const timestamp = settings.timestampUnit === "ms" ? now() : Math.floor(now() / 1000);
    const request = { client_ip: "203.0.113.7", user_agent: "Mozilla/5.0 (Rollcall simulator)" };
    const attributes = JSON.stringify({ http_request: request });
    const head = `{"data":${json},"event_attributes":${attributes},"instance_id":"${instanceId}"`;
    return `${head},"object":"event","timestamp":${timestamp},"type":${JSON.stringify(type)}}`;
  }

  function announce(type: string, userId: string, json: string): void {
    if (settings.url === null || (settings.events !== null && !settings.events.includes(type))) {
      log.countUnsent();
      return;
    }
    const copies = disturber.copies();
    const message = log.open({ id: `msg_2${random.base62(26)}`, type, userId, copies });
    if (disturber.losesNext()) {
      log.settle(message, "lost");
      return;
    }
    openCopies.set(message, copies);
    const body = envelope(type, json);
    for (let copy = 0; copy < copies; copy++) queue.accept({ message, body, attempt: 0 });
  }

  async function attempt(delivery: Delivery<WebhookMessage>): Promise<void> {
    const { message, body } = delivery;
    if (settings.url === null) return closeCopy(message, false);
    const result = await sender.send({ ...settings, url: settings.url }, message.id, body);
    if (result === null) return;
    log.attempt(message, result);
    if (result.status !== null && result.status >= 200 && result.status < 300)
      return closeCopy(message, true);
    const waitMs = retryWaitsMs[delivery.attempt];
    if (waitMs === undefined) return closeCopy(message, false);
    queue.retry({ ...delivery, attempt: delivery.attempt + 1 }, waitMs * settings.timeScale);
  }

  function closeCopy(message: WebhookMessage, delivered: boolean): void {
    const open = (openCopies.get(message) ?? 1) - 1;
    openCopies.set(message, open);
    if (open === 0) openCopies.delete(message);
    if (delivered && message.state === "waiting") log.settle(message, "delivered");
    if (open === 0 && message.state === "waiting") log.settle(message, "failed");
  }

  return {
    configure(patch) {
      settings = patchSettings(settings, patch);
      queue.pump();
      return settings;
    },
    settings: () => settings,
    disturb: disturber.set,
    calm: disturber.calm,
    disturbance: disturber.current,
    hold: queue.hold,
    release: ({ order = "sent" } = {}) => queue.release(order),
    list: log.list,
    totals: log.totals,
    drain: ({ retries = false } = {}) => queue.idle({ retries }),
    sign: (body, { id = `msg_2${random.base62(26)}`, timestamp = Math.floor(now() / 1000) } = {}) =>
      signWebhook(settings.secrets, id, timestamp, body),
    announce,
    async close() {
      queue.close();
      await sender.close();
    },
  };
}
