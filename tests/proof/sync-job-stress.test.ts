import { migrateQueues } from "@rollcall/jobs";
import { createDatabase, startRedis } from "@rollcall/local-services";
import pg from "pg";
import { describe, expect, inject, type TestContext, test } from "vitest";
import { findLostJobs } from "../../lab/stress/find-lost-jobs.ts";
import type { JournalEntry } from "../../lab/stress/journal.ts";
import { runStress, type StressOptions } from "../../lab/stress/run-stress.ts";
import { type Backend, describeOnBackends } from "../harness/backends.ts";

// 50,000 adds and other seeds: npm run stress -- --backend redis --adds 50000 --seed N
const seed = 20_260_729;
/** Slack for a busy machine. The time that a run takes is not part of the test. */
const timeoutMs = 600_000;

const declareStress = (backend: Backend) => {
  test.sequential(
    "no accepted sync job is lost and no dedup key stays behind, also when jobs fail and processes die",
    async (context) => {
      const report = await stress(backend, context, {
        queueing: "production",
        adds: 2_000,
        addsPerSecond: 300,
        seed,
      });
      expect(report.violations).toEqual([]);
      expect(report.accepted).toBeGreaterThanOrEqual(2_000);
      expect(report.deadLetters).toBeGreaterThan(0);
    },
    timeoutMs,
  );

  test.sequential(
    "dedup without keepLastIfActive loses sync jobs, and one of five stress runs finds them",
    async (context) => {
      const lost: string[] = [];
      for (let round = 0; round < 5 && lost.length === 0; round += 1) {
        const options = { queueing: "id-only", adds: 800, addsPerSecond: 300, seed: seed + round } as const;
        lost.push(...(await stress(backend, context, options)).lost);
      }
      expect(lost).not.toEqual([]);
    },
    timeoutMs,
  );
};
// Most of the time, jobs wait for their retries.
describeOnBackends(declareStress, { atOnce: true });

async function stress(
  backend: Backend,
  context: TestContext,
  options: Pick<StressOptions, "queueing" | "adds" | "addsPerSecond" | "seed">,
) {
  const url = backend === "redis" ? await startOwnRedis(context) : await createOwnDatabase();
  return runStress({ ...options, backend, url, faster: 3 });
}

async function startOwnRedis({ onTestFinished }: TestContext): Promise<string> {
  const binary = inject("redisBinary");
  if (!binary) throw new Error("This test needs redis-server");
  const redis = await startRedis({ binary });
  onTestFinished(() => redis.stop());
  return redis.url;
}

async function createOwnDatabase(): Promise<string> {
  const url = await createDatabase(inject("postgresUrl"));
  const pool = new pg.Pool({ connectionString: url });
  // Under this isolation level BullMQ's statements conflict. The queues must set their own level.
  await pool.query(
    `alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation = 'repeatable read'`,
  );
  await migrateQueues(pool);
  await pool.end();
  return url;
}

describe("a sync job that was accepted", () => {
  const lane = "sync refresh user_1";
  const issued: JournalEntry = { at: "issued", syncJob: "n1", lane };
  const accepted: JournalEntry = { at: "accepted", syncJob: "n1" };
  const started: JournalEntry = { at: "started", run: "r1", lane, job: "sync 7" };
  const finished: JournalEntry = { at: "finished", run: "r1" };
  const failed: JournalEntry = { at: "failed", run: "r1" };
  const elsewhere: JournalEntry = { ...started, lane: "sync delete user_1" };
  const lostOf = (entries: JournalEntry[], letters: string[] = []) =>
    findLostJobs(entries, new Set(letters)).lost;

  test.each<[string, JournalEntry[], string[]]>([
    ["a run after it finished", [issued, accepted, started, finished], []],
    ["a run started before its producer got the answer", [issued, started, accepted, finished], []],
    [
      "a run after it failed for good and there is its dead letter",
      [issued, accepted, started, failed],
      ["sync 7"],
    ],
  ])("is served when %s", (_, entries, letters) => expect(lostOf(entries, letters)).toEqual([]));

  test.each<[string, JournalEntry[], string[]]>([
    ["nothing ran", [issued, accepted], []],
    ["the only run had started before it and finished after it", [started, issued, accepted, finished], []],
    ["a run after it never finished", [issued, accepted, started], []],
    ["a run after it failed and there is no dead letter", [issued, accepted, started, failed], ["sync 8"]],
    ["the dead letter belongs to a run before it", [started, issued, accepted, failed], ["sync 7"]],
    ["only a job of another kind ran", [issued, accepted, elsewhere, finished], []],
  ])("is lost when %s", (_, entries, letters) =>
    expect(lostOf(entries, letters)).toEqual(["sync refresh user_1 (n1)"]),
  );

  test("a refused sync job never counts as lost", () => expect(lostOf([issued])).toEqual([]));
});
