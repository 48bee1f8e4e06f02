import { createHmac } from "node:crypto";

export type WebhookHeaders = {
  "svix-id": string;
  /** Seconds since the epoch. */
  "svix-timestamp": string;
  /** `v1,` and base64, one for each secret, separated by spaces. */
  "svix-signature": string;
};

/**
 * The headers of a signed delivery. Source: Svix, "Verifying payloads manually": HMAC-SHA256 over
 * `id.timestamp.body` with the bytes that the secret holds in base64.
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
