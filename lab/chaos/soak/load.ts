import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "../ledger.ts";
import { createClerkSide } from "../perform/clerk-side.ts";
import type { Post } from "../perform/deliver.ts";
import { callEnsure } from "../perform/ensure.ts";
import { writeMessage } from "../perform/messages.ts";
import type { Dice } from "../plan/dice.ts";
import type { Change } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";

/** Few enough that a long load grows no table by much: who left comes back, under a new id. */
const people = 400;

/**
 * Who only comes, is seen by both apis, and leaves, before the others. The tables behind the apis' caches keep up to
 * 5,000 people and grow until 8,192 have come: later that would look like a leak.
 */
const passersBy = 9_000;
const visit = ["arrive", "ensure", "ensure", "leave"] as const;

const weights = { change: 50, ensure: 38, login: 11, leave: 1 } as const;

type Event = (typeof visit)[number] | keyof typeof weights;

export type LoadOptions = { stage: Stage; ledger: Ledger; post: Post; dice: Dice; seed: number };

/** Lets people sign up, change, log in and leave, so many times a second, until a time of day. @returns how many */
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

/** One event of somebody's. A person's events wait for each other; the next person's do not. */
function createStep({ stage, ledger, post, dice, seed }: LoadOptions): () => Promise<void> {
  const side = createClerkSide(stage.clerk, ledger, seed);
  const lives = new Map<number, Promise<void>>();
  const here = new Set<number>();
  let number = 0;
  let visits = 0;

  async function live(who: number, kind: Event, api: number): Promise<void> {
    const deliveries = [{ afterMs: 0, api }];
    const id = side.currentId(who);
    switch (kind) {
      case "arrive": {
        here.add(who);
        const user = await side.signUp(who);
        return post.send(writeMessage("user.created", user.id, user), deliveries);
      }
      case "change": {
        number += 1;
        const user = await side.change(who, drawChange(dice, number));
        // What a row may say is its last version alone; all of them would fill this process' memory.
        ledger.accounts.get(id)?.versions.splice(0, Number.MAX_SAFE_INTEGER, user);
        return post.send(writeMessage("user.updated", id, user), deliveries);
      }
      case "leave":
        here.delete(who);
        await side.leave(who);
        return post.send(writeMessage("user.deleted", id), deliveries);
      case "login":
        return post.send(writeMessage("session.created", id), deliveries);
      case "ensure":
        await callEnsure(stage, ledger, id, api);
        return;
      default:
        return kind satisfies never;
    }
  }

  const enqueue = (who: number, event: () => Promise<void>): Promise<void> => {
    const next = (lives.get(who) ?? Promise.resolve()).then(event);
    lives.set(who, next);
    return next;
  };

  return () => {
    const passer = Math.floor(visits / visit.length);
    if (passer < passersBy) {
      const turn = visits % visit.length;
      visits += 1;
      return enqueue(people + passer, () => live(people + passer, visit[turn] ?? "leave", turn % 2));
    }
    const who = dice.between(0, people);
    return enqueue(who, () =>
      live(who, here.has(who) ? dice.weighted(weights) : "arrive", dice.between(0, 2)),
    );
  };
}

function drawChange(dice: Dice, number: number): Change {
  return { set: dice.pick(["name", "email", "image"]), number };
}
