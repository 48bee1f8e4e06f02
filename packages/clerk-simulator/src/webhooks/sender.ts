import { createHmac } from "node:crypto";
import { Agent, request } from "undici";
import type { WebhookAttempt } from "./message-log.ts";
import { attemptTimeoutMs, type WebhookSettings } from "./settings.ts";

export type WebhookSender = {
  /** Makes one attempt and never rejects. Null when `close` ended the attempt. */
  send(settings: WebhookSettings & { url: string }, id: string, body: string): Promise<WebhookAttempt | null>;
  close(): Promise<void>;
};

/** Posts deliveries. Redirects are not followed: to Svix a 3xx is a failure. */
export function createWebhookSender(now: () => number): WebhookSender {
  const agent = new Agent({ connections: 64 });
  let closed = false;

  async function send(settings: WebhookSettings & { url: string }, id: string, body: string) {
    const atMs = now();
    try {
      const answer = await request(settings.url, {
        method: "POST",
        dispatcher: agent,
        headers: {
          "content-type": "application/json",
          "user-agent": "Svix-Webhooks/1.0 (Rollcall simulator)",
          ...signWebhook(settings.secrets, id, Math.floor(atMs / 1000), body),
        },
        body,
        signal: AbortSignal.timeout(attemptTimeoutMs(settings)),
      });
      await answer.body.dump();
      return { atMs, status: answer.statusCode, error: null };
    } catch (error) {
      if (closed) return null;
      return { atMs, status: null, error: error instanceof Error ? error.message : String(error) };
    }
  }

  async function close(): Promise<void> {
    closed = true;
    await agent.destroy();
  }

  return { send, close };
}

export type WebhookHeaders = {
  "svix-id": string;
  /** Seconds since the epoch. */
  "svix-timestamp": string;
  /** `v1,` and base64 for each secret, separated by spaces. */
  "svix-signature": string;
};

/**
 * The headers of a signed delivery. Source: Svix, "Verifying payloads manually": HMAC-SHA256 over
 * `id.timestamp.body`, with the base64-decoded secret as key.
 */
export function signWebhook(
  secrets: readonly string[],
  id: string,
  timestampS: number,
  body: string,
): WebhookHeaders {
  const content = `${id}.${timestampS}.${body}`;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    return `v1,${createHmac("sha256", key).update(content).digest("base64")}`;
  });
  return { "svix-id": id, "svix-timestamp": String(timestampS), "svix-signature": signatures.join(" ") };
}
