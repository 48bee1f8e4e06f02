import { openFullSyncs } from "../../stage/full-syncs.ts";
import { findPostmaster } from "../../stage/postgres.ts";
import { readCpuUs, readTreeCpuUs } from "../../stage/process-usage.ts";
import { type Stage, secretKey } from "../../stage/stage.ts";
import { startReference } from "../reference-process.ts";
import { type CaseReport, checkLimit, compare, compareDurations, toRow } from "../report.ts";
import { measureCosts, type RoundOptions, runRounds, type Side } from "../rounds.ts";
import type { BenchCase, CaseOptions } from "./case.ts";

const countUsers = ({ quick }: CaseOptions) => (quick ? 20_000 : 100_000);

/** A first fill, with Clerk answering at once. */
export const firstFillCase: BenchCase = {
  backends: ["redis"],
  users: countUsers,
  run: async (stage, options) => (await measureFill(stage, countUsers(options), options)).report,
};

const million = 1_000_000;

/** The same with a million users. It takes some five minutes. Each side runs once, and its process is fresh. */
export const firstFillMillionCase: BenchCase = {
  backends: ["redis"],
  users: () => 0,
  run: async (stage, options) => {
    const once = { ...options, rounds: 1, isWarm: true };
    const { report, fillS } = await measureFill(stage, million, once, () => stage.clerk.users.seed(million));
    return { ...report, verdicts: [...report.verdicts, checkLimit("firstFillMillion", fillS)] };
  },
};

/** The script needs two round trips for each user. A few users give the same mean. */
const scriptUsers = 5_000;

/**
 * Measures a first fill beside two references, each with tables of its own on the same server. One is a script that writes
 * user by user. The other has the users already, and writes as many rows and one event each by `unnest`, on one connection.
 *
 * @param sign makes the users once the worker runs
 */
async function measureFill(
  stage: Stage,
  users: number,
  options: RoundOptions,
  sign: () => Promise<unknown> = async () => undefined,
): Promise<{ report: Omit<CaseReport, "name" | "backend">; fillS: number }> {
  const worker = await stage.startApp("worker");
  const fullSyncs = await openFullSyncs(stage);
  try {
    await sign();
    const other = await stage.otherQueues();
    const address = { clerkUrl: stage.clerk.url, secretKey, databaseUrl: other.databaseUrl };
    const walker = await startReference(stage, "list-walker", address);
    const inserter = await startReference(stage, "bulk-inserter", address);
    const postmaster = await findPostmaster(stage.databaseUrl);
    const beside = { Postgres: () => readTreeCpuUs(postmaster), simulator: () => readCpuUs(stage.clerkPid) };
    const measure = (pid: number, work: () => Promise<unknown>) => measureCosts(pid, beside, work);
    const sides: Side[] = [
      {
        name: "first fill",
        sample: async () => {
          await fullSyncs.emptyTables();
          return { operations: users, ...(await measure(worker.pid, () => fullSyncs.run(users))) };
        },
      },
      {
        name: "script, user by user",
        sample: async () => {
          await inserter.ask({ empty: true, users: 0 });
          const write = () => walker.ask({ limit: scriptUsers, write: true });
          return { operations: scriptUsers, ...(await measure(walker.pid, write)) };
        },
      },
      {
        name: "unnest, one connection",
        sample: async () => {
          await inserter.ask({ empty: true, users: 0 });
          const write = () => inserter.ask({ empty: false, users });
          return { operations: users, ...(await measure(inserter.pid, write)) };
        },
      },
    ];
    const [fill, script, floor] = await runRounds(sides, options);
    if (!fill || !script || !floor) throw new Error("A side was not measured");
    return {
      report: {
        operation: `user, of ${users}`,
        rows: [fill, script, floor].map(toRow),
        ratios: [compare(fill, script)],
        verdicts: [
          checkLimit("firstFillToScript", compareDurations(fill, script)),
          checkLimit("firstFillToUnnest", compareDurations(fill, floor)),
        ],
      },
      fillS: Math.max(...fill.samples.map(({ wallMs }) => wallMs)) / 1_000,
    };
  } finally {
    await fullSyncs.close();
  }
}
