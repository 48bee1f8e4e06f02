import { setTimeout as sleep } from "node:timers/promises";
import type { RunMode, RunView } from "@rollcall/contracts";
import { withClient } from "../../stage/postgres.ts";
import { releaseReconcileLeases } from "../../stage/reconcile-leases.ts";
import { readTables, type Tables } from "../invariants/recorder.ts";
import { readTeams, type Teams } from "../invariants/team-rows.ts";
import type { Acceptance, Call, Ledger, TeamAcceptance, Violation } from "../ledger.ts";
import { confirmDeletions, requestNewRun, untilRun } from "../scenario/admin-api.ts";
import { callEnsure } from "../scenario/call-api.ts";
import type { WebhookSender } from "../scenario/webhook-sender.ts";
import type { Stage } from "../stage/stage.ts";
import { watchQueues } from "./queue-watch.ts";

export type Healed = {
  violations: Violation[];
  /** The tables after all accepted work, and before any reconcile repaired what was lost. */
  tablesBefore: Tables;
  acceptedBefore: readonly Acceptance[];
  /** The same for organizations and memberships. */
  teamsBefore: Teams;
  teamsAcceptedBefore: readonly TeamAcceptance[];
  deadLetters: unknown[];
  lastEnsures: Call[];
  healedAtMs: number;
};

/** From the end of the last fault until all rows equal Clerk. */
const convergeMs = 60_000;

/** An address may call each api 3,000 times a minute. The calls of a soak's last minute count too. */
const mostLastEnsures = 3_000;

/**
 * Waits until a stage has recovered from its last fault, and then reconciles what was lost.
 *
 * @param slowness how many times longer than planned the machine took so far; it multiplies the deadline
 */
export async function heal(
  stage: Stage,
  ledger: Ledger,
  sender: WebhookSender,
  slowness: number,
): Promise<Healed> {
  const deadlineMs = Date.now() + convergeMs * Math.max(1, slowness);
  const violations: Violation[] = [];
  const report = (detail: string) => violations.push({ invariant: "it converges within 60 s", detail });
  const inTime = async (failure: string, work: Promise<unknown>) => {
    const isDone = await Promise.race([
      work.then(() => true),
      sleep(Math.max(0, deadlineMs - Date.now()), false, { ref: false }),
    ]);
    if (!isDone) report(failure);
  };

  await stage.clerk.faults.heal();
  await signUpLast(stage, ledger);
  await inTime(
    "a process does not answer",
    Promise.all(Object.values(stage.processes).map((one) => one.untilAlive(convergeMs))),
  );
  await inTime("a webhook is not accepted", sender.delivered());
  const queues = await watchQueues(stage, (clerkId, jobName) => mustFinish(ledger, clerkId, jobName));
  try {
    for (const open of await queues.untilIdle(deadlineMs)) report(`before the reconcile: ${open}`);
    const acceptedBefore = [...ledger.acceptances];
    const teamsAcceptedBefore = [...ledger.teamAcceptances];
    const teamsBefore = await withClient(stage.databaseUrl, (db) => readTeams(db, stage.app));
    const tablesBefore = await withClient(stage.databaseUrl, (db) => readTables(db, stage.app.names));
    const reconciled = reconcile(stage).then((failures) => failures.forEach(report));
    await inTime("the reconcile does not end", reconciled);
    for (const open of await queues.untilIdle(deadlineMs)) report(`after the reconcile: ${open}`);
    const healedAtMs = Date.now();
    for (const open of sender.open()) report(`not accepted: ${open}`);
    sender.giveUp();
    const lastEnsures = await ensureUsers(stage, ledger, slowness > 1 ? mostAttempts : 1);
    const deadLetters = await queues.readDeadLetters();
    const before = { tablesBefore, acceptedBefore, teamsBefore, teamsAcceptedBefore };
    return { violations, ...before, deadLetters, lastEnsures, healedAtMs };
  } finally {
    await queues.close();
  }
}

/** Life at Clerk goes on. Without a later change, its answers could be older than a user that left last. */
async function signUpLast({ clerk }: Stage, { accounts }: Ledger): Promise<void> {
  const last = await clerk.users.create({ firstName: "Canaria", lastName: "Serinus" }, { silent: true });
  accounts.set(last.id, { id: last.id, versions: [last], leftAtMs: undefined, isPoison: false });
}

/**
 * The refresh of what Clerk lacks is retried for 21 s, and the deletion of a team or membership that Clerk has for a minute. Both
 * change nothing, so healing does not wait for them.
 */
function mustFinish({ accounts, teams, memberships }: Ledger, clerkId: string, jobName: string): boolean {
  const team = teams.get(clerkId);
  const member = memberships.get(clerkId)?.at(-1);
  if (team ?? member) {
    const isGone = (team?.goneAtMs ?? member?.endedAtMs) !== undefined;
    return jobName.startsWith("delete") === isGone;
  }
  const account = accounts.get(clerkId);
  return account !== undefined && (account.leftAtMs === undefined || jobName === "delete");
}

/**
 * Repairs what lost deliveries left behind, with one incremental sync and one full sync. With so few users, the missing
 * deletions often exceed the absence guard. They are then confirmed.
 *
 * @returns failures
 */
async function reconcile(stage: Stage): Promise<string[]> {
  const fromMs = Date.now();
  try {
    await releaseReconcileLeases(stage.databaseUrl);
    const incremental = await runReconcile(stage, "catch-up", fromMs);
    const full = await runReconcile(stage, "full", fromMs);
    const ends = full.state === "held" ? [incremental, await confirm(stage, full)] : [incremental, full];
    return ends
      .filter(({ state }) => state !== "succeeded")
      .map(({ id, mode, state, reason }) => `run ${id} (${mode}) is ${state}: ${reason}`);
  } catch (error) {
    return [String(error)];
  }
}

/** A run that began before `fromMs` may fail because of a fault. It is not counted, and the next one must succeed. */
async function runReconcile(stage: Stage, mode: RunMode, fromMs: number): Promise<RunView> {
  for (;;) {
    const runId = await requestNewRun(stage, mode);
    const run = await untilRun(stage, runId, ({ finishedAt }) => finishedAt !== null);
    if (Date.parse(run.startedAt ?? "") >= fromMs) return run;
  }
}

async function confirm(stage: Stage, { id }: RunView): Promise<RunView> {
  await confirmDeletions(stage, id);
  return untilRun(stage, id, ({ state }) => state !== "held");
}

/** On a crowded machine, a read of rows may exceed its 500 ms at any time. Ensure then answers 503, and the app calls again. */
const mostAttempts = 5;

/**
 * Calls ensure for every live user that an act met, and for as many deleted users as the apis' rate limit allows. After a 503 it calls
 * again, up to `attempts` times.
 */
async function ensureUsers(stage: Stage, ledger: Ledger, attempts: number): Promise<Call[]> {
  const calls: Call[] = [];
  const readable = [...ledger.accounts.values()].filter(
    ({ isPoison, isUntouched }) => !isPoison && !isUntouched,
  );
  const gone = readable.filter(({ leftAtMs }) => leftAtMs !== undefined);
  const live = readable.filter(({ leftAtMs }) => leftAtMs === undefined);
  const accounts = [...live, ...gone].slice(0, mostLastEnsures).entries();
  const callNext = async () => {
    for (const [index, { id }] of accounts) {
      let call = await callEnsure(stage, ledger, id, index % 2);
      for (let attempt = 1; call.status === 503 && attempt < attempts; attempt += 1)
        call = await callEnsure(stage, ledger, id, index % 2);
      calls.push(call);
    }
  };
  await Promise.all(Array.from({ length: 8 }, callNext));
  return calls;
}
