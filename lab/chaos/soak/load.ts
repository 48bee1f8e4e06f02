import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "../ledger.ts";
import type { Dice } from "../plan/dice.ts";
import type { Change } from "../plan/plan.ts";
import { callEnsure } from "../scenario/call-api.ts";
import { createClerkAccounts } from "../scenario/clerk-accounts.ts";
import { writeMessage } from "../scenario/messages.ts";
import type { WebhookSender } from "../scenario/webhook-sender.ts";
import type { Stage } from "../stage/stage.ts";

/** So few that the tables hardly grow: a user that left signs up again, under a new id. */
const users = 400;

/**
 * One-time users of the warm-up: each signs up, calls ensure at both apis, and leaves. The apis' caches keep up to 5,000
 * users, and their hash tables grow until 8,192 users have come. Later, that growth would look like a leak.
 */
const oneTimeUsers = 9_000;
const visit = ["sign-up", "ensure", "ensure", "leave"] as const;

const weights = { change: 50, ensure: 38, login: 11, leave: 1 } as const;

type Event = (typeof visit)[number] | keyof typeof weights;

export type LoadOptions = { stage: Stage; ledger: Ledger; sender: WebhookSender; dice: Dice; seed: number };

/** Sends `rate` events a second until a time of day. @returns the number of events */
export async function applyLoad(
  options: LoadOptions,
  rate: number,
  untilMs: number,
  signal: AbortSignal,
): Promise<number> {
  const step = createStep(options);
  const busy = new Set<Promise<void>>();
  const startedAtMs = Date.now();
  let count = 0;
  while (Date.now() < untilMs && !signal.aborted) {
    for (const dueCount = ((Date.now() - startedAtMs) / 1_000) * rate; count < dueCount; count += 1) {
      const one = step().finally(() => busy.delete(one));
      busy.add(one);
    }
    await sleep(10);
  }
  await Promise.all(busy);
  return count;
}

/** @returns a function that runs the next event. The events of one user wait for each other. */
function createStep({ stage, ledger, sender, dice, seed }: LoadOptions): () => Promise<void> {
  const accounts = createClerkAccounts(stage.clerk, ledger, seed);
  const lastOfUser = new Map<number, Promise<void>>();
  const here = new Set<number>();
  let number = 0;
  let visits = 0;

  async function run(user: number, kind: Event, api: number): Promise<void> {
    const deliveries = [{ afterMs: 0, api }];
    const id = accounts.currentId(user);
    switch (kind) {
      case "sign-up": {
        here.add(user);
        const created = await accounts.signUp(user);
        return sender.send(writeMessage("user.created", created.id, created), deliveries);
      }
      case "change": {
        number += 1;
        const changed = await accounts.change(user, drawChange(dice, number));
        // Only the last version is kept. All versions would fill this process' memory.
        ledger.accounts.get(id)?.versions.splice(0, Number.MAX_SAFE_INTEGER, changed);
        return sender.send(writeMessage("user.updated", id, changed), deliveries);
      }
      case "leave":
        here.delete(user);
        await accounts.leave(user);
        return sender.send(writeMessage("user.deleted", id), deliveries);
      case "login":
        return sender.send(writeMessage("session.created", id), deliveries);
      case "ensure":
        await callEnsure(stage, ledger, id, api);
        return;
      default:
        return kind satisfies never;
    }
  }

  const enqueue = (user: number, event: () => Promise<void>): Promise<void> => {
    const next = (lastOfUser.get(user) ?? Promise.resolve()).then(event);
    lastOfUser.set(user, next);
    return next;
  };

  return () => {
    const visitor = Math.floor(visits / visit.length);
    if (visitor < oneTimeUsers) {
      const turn = visits % visit.length;
      visits += 1;
      return enqueue(users + visitor, () => run(users + visitor, visit[turn] ?? "leave", turn % 2));
    }
    const user = dice.between(0, users);
    return enqueue(user, () =>
      run(user, here.has(user) ? dice.weighted(weights) : "sign-up", dice.between(0, 2)),
    );
  };
}

function drawChange(dice: Dice, number: number): Change {
  return { set: dice.pick(["name", "email", "image"]), number };
}
