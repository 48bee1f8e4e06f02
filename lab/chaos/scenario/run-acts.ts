import { setTimeout as sleep } from "node:timers/promises";
import type { ClerkUser } from "@rollcall/clerk-simulator";
import pg from "pg";
import type { Ledger } from "../ledger.ts";
import { type Act, firstResident, type Plan, type TeamAct } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { callEnsure } from "./call-api.ts";
import { addressOf, type ClerkAccounts, createClerkAccounts } from "./clerk-accounts.ts";
import { createClerkTeams, endMembershipsOf } from "./clerk-teams.ts";
import { type Message, writeMessage, writePoison } from "./messages.ts";
import type { WebhookSender } from "./webhook-sender.ts";

type Scenario = {
  stage: Stage;
  /** The app's own connections. */
  db: pg.Pool;
  ledger: Ledger;
  sender: WebhookSender;
  clerk: ClerkAccounts;
  plan: Plan;
};

/** Runs the plan's acts at their times. Returns after the last act, while webhooks may still be under way. */
export async function runActs(
  stage: Stage,
  ledger: Ledger,
  sender: WebhookSender,
  plan: Plan,
  residents: readonly ClerkUser[],
): Promise<void> {
  const clerk = createClerkAccounts(stage.clerk, ledger, plan.seed);
  for (const [index, user] of residents.entries()) clerk.adopt(firstResident + index, user);
  const db = new pg.Pool({ connectionString: stage.databaseUrl, application_name: "chaos", max: 8 });
  db.on("error", () => undefined);
  try {
    const scenario = { stage, db, ledger, sender, plan, clerk };
    await Promise.all([runEach(scenario), runTeamActs(scenario)]);
  } finally {
    await db.end();
  }
}

async function runEach(scenario: Scenario): Promise<void> {
  const { ledger, plan } = scenario;
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

/** Acts of teams run one after the other, because each costs a request to the simulator alone. */
async function runTeamActs({ stage, ledger, sender, plan, clerk }: Scenario): Promise<void> {
  const teams = createClerkTeams(stage.clerk, ledger, plan.seed);
  const perform = async (act: TeamAct): Promise<Message[]> => {
    if (act.act === "team") return teams.make(act.team, act.number);
    if (act.act === "team-gone") return teams.remove(act.team);
    const clerkId = clerk.currentId(act.user);
    const account = ledger.accounts.get(clerkId);
    if (!account || account.versions.length === 0 || account.leftAtMs !== undefined) return [];
    return act.act === "join" ? teams.join(act.team, clerkId, act.role) : teams.part(act.team, clerkId);
  };
  for (const act of plan.teamActs) {
    const waitMs = ledger.startedAtMs + act.atMs - Date.now();
    if (waitMs > 0) await sleep(waitMs);
    // The user may leave at this moment.
    const messages = await perform(act).catch((error: unknown) => {
      if (String(error).includes("there is no user")) return [];
      if (String(error).includes("is no member")) return [];
      throw error;
    });
    for (const message of messages) sender.send(message, act.deliveries);
  }
}

async function runAct(scenario: Scenario, act: Act): Promise<void> {
  const { stage, ledger, sender, clerk, plan } = scenario;
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
      endMembershipsOf(ledger, clerk.currentId(act.user));
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
      return insertProfile(scenario, clerk.currentId(act.user));
    case "invite":
      return invite(scenario, act.user);
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
async function insertProfile({ stage, db, ledger }: Scenario, clerkId: string): Promise<void> {
  const { insertProfile: insert } = stage.app;
  if (insert === undefined) return;
  const outcome = await db.query(insert, [clerkId]).then(
    ({ rowCount }) => `${rowCount} profiles`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  ledger.note(clerkId, `by hand: ${outcome}`);
}

const inviteAttempts = 40;
const inviteAgainMs = 250;

/** The app inserts a profile without a user. It tries again while Postgres is away, because the sign-up waits for it. */
async function invite({ stage, db, ledger, clerk }: Scenario, user: number): Promise<void> {
  if (stage.app.invite === undefined) return;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await db.query(stage.app.invite, [addressOf(user)]);
      return ledger.note(clerk.currentId(user), `invited with attempt ${attempt}`);
    } catch (error) {
      if (attempt === inviteAttempts) return ledger.note(clerk.currentId(user), `not invited: ${error}`);
      await sleep(inviteAgainMs);
    }
  }
}
