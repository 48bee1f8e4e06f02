import { splitCpu } from "../../stage/cpu-split.ts";
import { withClient } from "../../stage/postgres.ts";
import { secretKey } from "../../stage/stage.ts";
import { openSyncQueue, type SyncQueue } from "../../stage/sync-queue.ts";
import { startReference } from "../reference-process.ts";
import { compare, toRow } from "../report.ts";
import { type Measured, runRounds, type Side } from "../rounds.ts";
import type { BenchCase } from "./case.ts";
import { openPeerQueue, peers } from "./peer-queues.ts";

const backlogs = { full: 2_000, quick: 500 } as const;
const warmUpRounds = 1;

type Drained = Pick<SyncQueue, "fill" | "drain" | "close">;

/**
 * A backlog of sync jobs for new users, on Rollcall's queues on Postgres and on two other queues there. All three run
 * Rollcall's handler for the same users, each in a database of its own. BullMQ's own jobs beside them do nothing.
 */
export const peersCase: BenchCase = {
  backends: ["postgres"],
  users: ({ quick, rounds }) => backlogs[quick ? "quick" : "full"] * (rounds + warmUpRounds),
  run: async (stage, options) => {
    const backlog = backlogs[options.quick ? "quick" : "full"];
    const users = await stage.clerk.users.list({ limit: backlog * (options.rounds + warmUpRounds) });
    const queues: Drained[] = [];
    const side = (name: string, pid: number, queue: Drained, databaseUrl: string): Side => {
      queues.push(queue);
      const left = users.map(({ id }) => id);
      return {
        name,
        sample: async () => {
          const clerkIds = left.splice(0, backlog);
          await queue.fill(clerkIds);
          const { oursUs, postgresUs, wallMs } = await splitCpu({ pids: [pid], databaseUrl }, queue.drain);
          return { operations: clerkIds.length, cpuUs: oursUs + postgresUs, wallMs };
        },
      };
    };
    try {
      const ours = await openSyncQueue(stage.backend, stage);
      const worker = await stage.startApp("worker");
      const sides = [side("Rollcall", worker.pid, ours, stage.databaseUrl)];
      const written = [stage.databaseUrl];
      for (const peer of peers) {
        const { databaseUrl } = await stage.otherQueues();
        const address = { peer, databaseUrl, clerkUrl: stage.clerk.url, secretKey };
        const { pid } = await startReference(stage, "peer-worker", address);
        sides.push(side(`${peer}, the same sync`, pid, await openPeerQueue(peer, databaseUrl), databaseUrl));
        written.push(databaseUrl);
      }
      // With the history that Rollcall keeps, BullMQ trims it whenever a job completes.
      for (const [name, jobs] of [
        ["BullMQ, no-op jobs", {}],
        ["BullMQ, no-op jobs, removed", { removeOnComplete: true }],
      ] as const) {
        const queue = await openSyncQueue(stage.backend, await stage.otherQueues(), jobs);
        const { pid } = await startReference(stage, "noop-worker", queue.address);
        sides.push(side(name, pid, queue, queue.address.databaseUrl));
      }
      const measured = await runRounds(sides, options);
      const [first, ...others] = measured as [Measured, ...Measured[]];
      const expected = (first.samples.length + warmUpRounds) * backlog;
      for (const databaseUrl of written) await assertWritten(databaseUrl, expected);
      return {
        operation: "job (CPU of the worker and of Postgres together)",
        rows: measured.map(toRow),
        ratios: others.map((other) => compare(first, other)),
        verdicts: [],
      };
    } finally {
      for (const queue of queues) await queue.close();
    }
  },
};

/** Without this check, a queue that lost jobs would look fast. */
async function assertWritten(databaseUrl: string, expected: number): Promise<void> {
  const { rows } = await withClient(databaseUrl, (db) =>
    db.query("select count(*)::int as count from public.mentorados where user_id is not null"),
  );
  if (rows[0]?.count !== expected)
    throw new Error(`${expected} profiles were expected, but there are ${rows[0]?.count}`);
}
