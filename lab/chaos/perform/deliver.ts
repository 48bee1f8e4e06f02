import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "svix";
import { draftAcceptance, type Ledger } from "../ledger.ts";
import type { Delivery } from "../plan/plan.ts";
import { type Stage, webhookSecret } from "../stage/stage.ts";
import { callApi } from "./call-api.ts";
import type { Message } from "./messages.ts";
import { createTurnstile } from "./turnstile.ts";

/** Waits between the first attempts of one copy. Svix takes hours where we take seconds. */
const retryWaitsMs = [500, 1_000, 1_500];

/** Svix does not send everything at once either, however much has piled up. */
const inFlightAtApi = 48;

export type Post = {
  /** Sends the copies of a message, each until it is accepted. Returns at once. */
  send(message: Message, deliveries: readonly Delivery[]): void;
  /** Resolves when every copy is accepted. */
  delivered(): Promise<void>;
  /** What nobody accepted so far. */
  open(): readonly string[];
  giveUp(): void;
};

export function openPost(stage: Stage, ledger: Ledger): Post {
  const webhook = new Webhook(webhookSecret);
  const open = new Map<Promise<void>, string>();
  const givingUp = new AbortController();
  const turnstiles = stage.apis.map(() => createTurnstile(inFlightAtApi));

  async function deliver(message: Message, { afterMs, api }: Delivery): Promise<void> {
    await sleep(afterMs);
    for (let attempt = 0; !givingUp.signal.aborted; attempt += 1) {
      const isAccepted = await turnstiles[api]?.(() => attemptOnce(message, api));
      if (isAccepted) return;
      await sleep(retryWaitsMs[attempt] ?? 2_000);
    }
  }

  async function attemptOnce({ id, body, clerkId, kind }: Message, api: number): Promise<boolean> {
    const about = clerkId ?? "poison";
    const acceptance = draftAcceptance(ledger, about, kind, "webhook");
    const now = new Date();
    const process = stage.apis[api] ?? stage.apis[0];
    const { status, text } = await callApi(ledger, process, {
      what: "webhook",
      about,
      path: "/api/webhooks/clerk",
      headers: {
        "content-type": "application/json",
        "svix-id": id,
        "svix-timestamp": String(Math.floor(now.getTime() / 1_000)),
        "svix-signature": webhook.sign(id, now, body),
      },
      body,
    });
    ledger.tell(
      about,
      `${process.name} was told by ${id} (${kind}): ${status ?? text} ${status === 200 ? text : ""}`,
    );
    if (status !== 200) return false;
    if (clerkId === undefined) ledger.quarantined.add(body);
    else ledger.acceptances.push(acceptance);
    return true;
  }

  return {
    send: (message, deliveries) => {
      for (const delivery of deliveries) {
        const copy = deliver(message, delivery).finally(() => open.delete(copy));
        open.set(copy, `${message.id} about ${message.clerkId ?? "nobody"}`);
      }
    },
    delivered: async () => {
      while (open.size > 0) await Promise.all(open.keys());
    },
    open: () => [...open.values()],
    giveUp: () => givingUp.abort(),
  };
}
