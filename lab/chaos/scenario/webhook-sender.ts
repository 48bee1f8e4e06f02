import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "svix";
import { draftAcceptance, draftTeamAcceptance, type Ledger } from "../ledger.ts";
import type { Delivery } from "../plan/plan.ts";
import { type Stage, webhookSecret } from "../stage/stage.ts";
import { callApi } from "./call-api.ts";
import type { Message } from "./messages.ts";

/** Waits between the first attempts of one copy. Svix takes hours where we take seconds. */
const retryWaitsMs = [500, 1_000, 1_500];

/** Svix limits its concurrent requests too, however many deliveries are waiting. */
const concurrentPerApi = 48;

/** Sends webhooks as Svix does. */
export type WebhookSender = {
  /** Sends the copies of a message, each until it is accepted. Returns at once. */
  send(message: Message, deliveries: readonly Delivery[]): void;
  /** Resolves when every copy is accepted. */
  delivered(): Promise<void>;
  /** The copies that no api has accepted so far. */
  open(): readonly string[];
  giveUp(): void;
};

export function createWebhookSender(stage: Stage, ledger: Ledger): WebhookSender {
  const webhook = new Webhook(webhookSecret);
  const open = new Map<Promise<void>, string>();
  const givingUp = new AbortController();
  const limits = stage.apis.map(() => limitConcurrency(concurrentPerApi));

  async function deliver(message: Message, { afterMs, api }: Delivery): Promise<void> {
    await sleep(afterMs);
    for (let attempt = 0; !givingUp.signal.aborted; attempt += 1) {
      const isAccepted = await limits[api]?.(() => attemptOnce(message, api));
      if (isAccepted) return;
      await sleep(retryWaitsMs[attempt] ?? 2_000);
    }
  }

  async function attemptOnce({ id, body, clerkId, kind, ofTeam }: Message, api: number): Promise<boolean> {
    const name = clerkId ?? "poison";
    const acceptance = draftAcceptance(ledger, name, kind, "webhook");
    const ofTeams = ofTeam && draftTeamAcceptance(ledger, name, kind === "delete" ? kind : "refresh");
    const now = new Date();
    const process = stage.apis[api] ?? stage.apis[0];
    const { status, text } = await callApi(ledger, process, {
      route: "webhook",
      clerkId: name,
      path: "/api/webhooks/clerk",
      headers: {
        "content-type": "application/json",
        "svix-id": id,
        "svix-timestamp": String(Math.floor(now.getTime() / 1_000)),
        "svix-signature": webhook.sign(id, now, body),
      },
      body,
    });
    ledger.note(
      name,
      `webhook ${id} (${kind}) to ${process.name}: ${status ?? text} ${status === 200 ? text : ""}`,
    );
    if (status !== 200) return false;
    if (clerkId === undefined) ledger.quarantined.add(body);
    else if (ofTeams) ledger.teamAcceptances.push(ofTeams);
    else ledger.acceptances.push(acceptance);
    return true;
  }

  return {
    send: (message, deliveries) => {
      for (const delivery of deliveries) {
        const copy = deliver(message, delivery).finally(() => open.delete(copy));
        open.set(copy, `${message.id} about ${message.clerkId ?? "no user"}`);
      }
    },
    delivered: async () => {
      while (open.size > 0) await Promise.all(open.keys());
    },
    open: () => [...open.values()],
    giveUp: () => givingUp.abort(),
  };
}

/** Runs at most `most` pieces of work at a time. The others wait in their order. */
function limitConcurrency(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      // The next one in line takes this place, so `running` stays.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
