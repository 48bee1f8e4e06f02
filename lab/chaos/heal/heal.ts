import { setTimeout as sleep } from "node:timers/promises";
import { readTables, type Tables } from "../invariants/read-tables.ts";
import type { Acceptance, Call, Ledger, Violation } from "../ledger.ts";
import type { Post } from "../perform/deliver.ts";
import { callEnsure } from "../perform/ensure.ts";
import type { Stage } from "../stage/stage.ts";
import { withClient } from "../stage/with-client.ts";
import { healLost } from "./heal-lost.ts";
import { watchQueues } from "./queue-watch.ts";

export type Healed = {
  violations: Violation[];
  /** As they were when all that was accepted was done, before anybody made up for what was lost. */
  tablesBefore: Tables;
  acceptedBefore: readonly Acceptance[];
  deadLetters: unknown[];
  lastEnsures: Call[];
  healedAtMs: number;
};

/** From the end of the last fault until all is as Clerk says. */
const convergeMs = 60_000;

/** Together with those of a soak's last minute less than 3,000 for each of the two apis. */
const mostLastEnsures = 3_000;

/**
 * Lets a stage come to rest after its last fault was undone, and makes up for what was lost on the way.
 *
 * @param slowness how many times longer than planned the machine took so far; it may take as much longer now
 */
export async function heal(stage: Stage, ledger: Ledger, post: Post, slowness: number): Promise<Healed> {
  const deadlineMs = Date.now() + convergeMs * Math.max(1, slowness);
  const violations: Violation[] = [];
  const blame = (what: string) => violations.push({ invariant: "it converges within 60 s", what });
  const inTime = async (what: string, work: Promise<unknown>) => {
    const isDone = await Promise.race([
      work.then(() => true),
      sleep(Math.max(0, deadlineMs - Date.now()), false, { ref: false }),
    ]);
    if (!isDone) blame(what);
  };

  await stage.clerk.faults.heal();
  await inTime(
    "a process does not answer",
    Promise.all(Object.values(stage.processes).map((one) => one.untilAlive(convergeMs))),
  );
  await inTime("a webhook is not accepted", post.delivered());
  const queues = await watchQueues(stage, (clerkId, jobName) => isWaitedFor(ledger, clerkId, jobName));
  try {
    for (const left of await queues.untilIdle(deadlineMs)) blame(`before all was reconciled: ${left}`);
    const acceptedBefore = [...ledger.acceptances];
    const tablesBefore = await withClient(stage.databaseUrl, readTables);
    const reconciled = healLost(stage).then((faults) => faults.forEach(blame));
    await inTime("what was lost is not reconciled", reconciled);
    for (const left of await queues.untilIdle(deadlineMs)) blame(`after all was reconciled: ${left}`);
    const healedAtMs = Date.now();
    for (const left of post.open()) blame(`not accepted: ${left}`);
    post.giveUp();
    const lastEnsures = await ensurePeople(stage, ledger);
    const deadLetters = await queues.readDeadLetters();
    return { violations, tablesBefore, acceptedBefore, deadLetters, lastEnsures, healedAtMs };
  } finally {
    await queues.close();
  }
}

/** Somebody whom Clerk does not have is looked for again during 21 s. All that can come of it is nothing. */
function isWaitedFor({ accounts }: Ledger, clerkId: string, jobName: string): boolean {
  const account = accounts.get(clerkId);
  return account !== undefined && (account.leftAtMs === undefined || jobName === "delete");
}

/** Asks for who is there, and for as many of those who left as the apis' limit for an address has room for. */
async function ensurePeople(stage: Stage, ledger: Ledger): Promise<Call[]> {
  const calls: Call[] = [];
  const people = [...ledger.accounts.values()].filter(({ isPoison }) => !isPoison);
  const left = people.filter(({ leftAtMs }) => leftAtMs !== undefined);
  const there = people.filter(({ leftAtMs }) => leftAtMs === undefined);
  const accounts = [...there, ...left].slice(0, mostLastEnsures).entries();
  const askNext = async () => {
    for (const [index, { id }] of accounts) calls.push(await callEnsure(stage, ledger, id, index % 2));
  };
  await Promise.all(Array.from({ length: 8 }, askNext));
  return calls;
}
