import { withClient } from "../../stage/postgres.ts";
import { openSyncQueue, type SyncQueue } from "../../stage/sync-queue.ts";
import { startReference } from "../reference-process.ts";
import { checkLimit, compare, compareDurations, toRow } from "../report.ts";
import { measureCost, runRounds, type Side } from "../rounds.ts";
import type { BenchCase } from "./case.ts";

const sizes = {
  redis: { backlog: 5_000, quickBacklog: 3_000, singles: 200 },
  postgres: { backlog: 1_000, quickBacklog: 500, singles: 50 },
} as const;
const warmUpRounds = 1;

/** A backlog of sync jobs for new users, until rows and profiles are committed. Then one sync job at a time. */
export const syncJobsCase: BenchCase = {
  backends: ["redis", "postgres"],
  // The number for Redis, which is the larger one. The backend is not known here, and synthetic users are cheap.
  users: ({ rounds }) => (sizes.redis.backlog + sizes.redis.singles) * (rounds + warmUpRounds),
  run: async (stage, options) => {
    const size = sizes[stage.backend];
    const backlog = options.quick ? size.quickBacklog : size.backlog;
    const perRound = backlog + size.singles;
    const newUsers = (
      await stage.clerk.users.list({ limit: perRound * (options.rounds + warmUpRounds) })
    ).map(({ id }) => id);
    const ours = await openSyncQueue(stage.backend, stage);
    // BullMQ's own trimming of the history takes most of its time on Postgres.
    const removed = stage.backend === "postgres" ? { removeOnComplete: true } : {};
    const theirs = await openSyncQueue(stage.backend, await stage.otherQueues(), removed);
    try {
      const worker = await stage.startApp("worker");
      const reference = await startReference(stage, "noop-worker", theirs.address);
      const many = (name: string, pid: number, queue: SyncQueue, take: () => string[]): Side => ({
        name,
        sample: async () => {
          const clerkIds = take();
          await queue.fill(clerkIds);
          return { operations: clerkIds.length, ...(await measureCost(pid, () => queue.drain())) };
        },
      });
      const single = (name: string, pid: number, queue: SyncQueue, take: () => string[]): Side => ({
        name,
        sample: async () => {
          const clerkIds = take();
          const latenciesMs: number[] = [];
          const cost = await measureCost(pid, async () => {
            for (const clerkId of clerkIds) latenciesMs.push(await queue.runOne(clerkId));
          });
          return { operations: clerkIds.length, ...cost, latenciesMs };
        },
      });
      const fresh = (count: number) => () => newUsers.splice(0, count);
      // A no-op job may have any user.
      const known = newUsers.slice();
      const repeat = (count: number) => () => known.slice(0, count);
      const [coalesced, noop, alone, noopAlone] = await runRounds(
        [
          many("sync jobs, coalesced", worker.pid, ours, fresh(backlog)),
          many("no-op jobs", reference.pid, theirs, repeat(backlog)),
          single("sync jobs, one by one", worker.pid, ours, fresh(size.singles)),
          single("no-op jobs, one by one", reference.pid, theirs, repeat(size.singles)),
        ],
        options,
      );
      if (!coalesced || !noop || !alone || !noopAlone) throw new Error("A side was not measured");
      await assertCommitted(stage.databaseUrl, (coalesced.samples.length + warmUpRounds) * perRound);
      const ratio = compare(coalesced, noop);
      return {
        operation: "job",
        rows: [coalesced, noop, alone, noopAlone].map(toRow),
        ratios: [ratio, compare(alone, noopAlone)],
        verdicts: [
          stage.backend === "redis"
            ? checkLimit("syncJob", ratio.ratio)
            : checkLimit("syncJobOnPostgres", compareDurations(coalesced, noop)),
        ],
      };
    } finally {
      await ours.close();
      await theirs.close();
    }
  },
};

/** Without this check, jobs that wrote nothing would look fast. */
async function assertCommitted(databaseUrl: string, expected: number): Promise<void> {
  const { rows } = await withClient(databaseUrl, (db) =>
    db.query("select count(*)::int as count from public.mentorados where user_id is not null"),
  );
  if (rows[0]?.count !== expected)
    throw new Error(`${expected} profiles were expected, but there are ${rows[0]?.count}`);
}
