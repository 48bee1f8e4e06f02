import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "../ledger.ts";
import type { Act, Plan } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { type ClerkSide, createClerkSide } from "./clerk-side.ts";
import type { Post } from "./deliver.ts";
import { callEnsure } from "./ensure.ts";
import { giveByHand } from "./give-by-hand.ts";
import { writeMessage, writePoison } from "./messages.ts";

type Scenario = { stage: Stage; ledger: Ledger; post: Post; side: ClerkSide; plan: Plan };

/** Runs all acts of a plan at their times. Returns when the last is over; copies may still be on their way. */
export async function runActs(stage: Stage, ledger: Ledger, post: Post, plan: Plan): Promise<void> {
  const play: Scenario = { stage, ledger, post, plan, side: createClerkSide(stage.clerk, ledger, plan.seed) };
  const lives = new Map<number, Promise<void>>();
  const calls: Promise<void>[] = [];
  for (const act of plan.acts) {
    const waitMs = ledger.startedAtMs + act.atMs - Date.now();
    if (waitMs > 0) await sleep(waitMs);
    if (!("who" in act)) calls.push(perform(play, act));
    // A person's life goes on while an ensure waits, but not in another order.
    else if (act.act === "ensure")
      calls.push((lives.get(act.who) ?? Promise.resolve()).then(() => perform(play, act)));
    else
      lives.set(
        act.who,
        (lives.get(act.who) ?? Promise.resolve()).then(() => perform(play, act)),
      );
  }
  await Promise.all([...lives.values(), ...calls]);
}

async function perform({ stage, ledger, post, side, plan }: Scenario, act: Act): Promise<void> {
  switch (act.act) {
    case "sign-up": {
      const user = await side.signUp(act.who);
      return post.send(writeMessage("user.created", user.id, user), act.deliveries);
    }
    case "change": {
      const user = await side.change(act.who, act.change);
      return post.send(writeMessage("user.updated", user.id, user), act.deliveries);
    }
    case "leave":
      await side.leave(act.who);
      return post.send(writeMessage("user.deleted", side.currentId(act.who)), act.deliveries);
    case "login":
      return post.send(writeMessage("session.created", side.currentId(act.who)), act.deliveries);
    case "echo": {
      const id = side.currentId(act.who);
      return post.send(
        writeMessage("user.updated", id, ledger.accounts.get(id)?.versions.at(-1)),
        act.deliveries,
      );
    }
    case "by-hand":
      return giveByHand(stage, ledger, side.currentId(act.who));
    case "ensure":
      await callEnsure(stage, ledger, side.currentId(act.who), act.api);
      return;
    case "unknown":
      return post.send(writeMessage(act.type, `user_s${plan.seed}ghost${act.number}`), act.deliveries);
    case "poison-body":
      return post.send(writePoison(act.number, act.isJson), act.deliveries);
    case "poison-user":
      await callEnsure(stage, ledger, await side.signUpPoison(act.number), act.api);
      return;
    default:
      return act satisfies never;
  }
}
