import { Agent, request } from "undici";
import type { WebhookAttempt } from "./webhook-log.ts";
import { attemptTimeoutMs, type WebhookSettings } from "./webhook-settings.ts";
import { signWebhook } from "./webhook-signature.ts";

export type WebhookSender = {
  /** One attempt; never rejects. Null when it was cut off by `close`. */
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
