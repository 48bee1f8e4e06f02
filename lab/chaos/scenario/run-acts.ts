import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "../../stage/postgres.ts";
import type { Ledger } from "../ledger.ts";
import type { Act, Plan } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { callEnsure } from "./call-api.ts";
import { addressOf, type ClerkAccounts, createClerkAccounts } from "./clerk-accounts.ts";
import { writeMessage, writePoison } from "./messages.ts";
import type { WebhookSender } from "./webhook-sender.ts";

type Scenario = { stage: Stage; ledger: Ledger; sender: WebhookSender; clerk: ClerkAccounts; plan: Plan };

/** Runs the plan's acts at their times. Returns after the last act, while webhooks may still be under way. */
export async function runActs(
  stage: Stage,
  ledger: Ledger,
  sender: WebhookSender,
  plan: Plan,
): Promise<void> {
  const clerk = createClerkAccounts(stage.clerk, ledger, plan.seed);
  const scenario: Scenario = { stage, ledger, sender, plan, clerk };
  const lastOfUser = new Map<number, Promise<void>>();
  const calls: Promise<void>[] = [];
  for (const act of plan.acts) {
    const waitMs = ledger.startedAtMs + act.atMs - Date.now();
    if (waitMs > 0) await sleep(waitMs);
    if (!("user" in act)) {
      calls.push(runAct(scenario, act));
      continue;
    }
    // A user's acts run in order. They do not wait for the user's ensure calls.
    const running = (lastOfUser.get(act.user) ?? Promise.resolve()).then(() => runAct(scenario, act));
    if (act.act === "ensure") calls.push(running);
    else lastOfUser.set(act.user, running);
  }
  await Promise.all([...lastOfUser.values(), ...calls]);
}

async function runAct({ stage, ledger, sender, clerk, plan }: Scenario, act: Act): Promise<void> {
  switch (act.act) {
    case "sign-up": {
      const user = await clerk.signUp(act.user, act.isVerified);
      return sender.send(writeMessage("user.created", user.id, user), act.deliveries);
    }
    case "change": {
      const user = await clerk.change(act.user, act.change);
      return sender.send(writeMessage("user.updated", user.id, user), act.deliveries);
    }
    case "leave":
      await clerk.leave(act.user);
      return sender.send(writeMessage("user.deleted", clerk.currentId(act.user)), act.deliveries);
    case "login":
      return sender.send(writeMessage("session.created", clerk.currentId(act.user)), act.deliveries);
    case "echo": {
      const id = clerk.currentId(act.user);
      return sender.send(
        writeMessage("user.updated", id, ledger.accounts.get(id)?.versions.at(-1)),
        act.deliveries,
      );
    }
    case "by-hand":
      return writeByHand(stage, ledger, clerk.currentId(act.user), stage.app.insertProfile);
    case "invite":
      return writeByHand(stage, ledger, clerk.currentId(act.user), stage.app.invite, addressOf(act.user));
    case "ensure":
      await callEnsure(stage, ledger, clerk.currentId(act.user), act.api);
      return;
    case "unknown":
      return sender.send(writeMessage(act.type, `user_s${plan.seed}ghost${act.number}`), act.deliveries);
    case "poison-body":
      return sender.send(writePoison(act.number, act.isJson), act.deliveries);
    case "poison-user":
      await callEnsure(stage, ledger, await clerk.signUpPoison(act.number), act.api);
      return;
    default:
      return act satisfies never;
  }
}

/** An admin of the app inserts a profile. The insert fails if the user has one. An app without profiles does nothing. */
async function writeByHand(
  stage: Stage,
  ledger: Ledger,
  clerkId: string,
  insert: string | undefined,
  parameter = clerkId,
): Promise<void> {
  if (insert === undefined) return;
  const outcome = await withClient(stage.databaseUrl, (db) => db.query(insert, [parameter])).then(
    ({ rowCount }) => `${rowCount} profiles`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  ledger.note(clerkId, `by hand: ${outcome}`);
}
