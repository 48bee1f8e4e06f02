import type { AppProcess } from "../../stage/app-process.ts";
import { openFullSyncs } from "../../stage/full-syncs.ts";
import { readPeakRssMb } from "../../stage/process-usage.ts";
import { type Stage, secretKey } from "../../stage/stage.ts";
import { startReference } from "../reference-process.ts";
import { type CaseReport, checkLimit, compare, toRow } from "../report.ts";
import { measureCost, type RoundOptions, runRounds, type Side } from "../rounds.ts";
import type { BenchCase, CaseOptions } from "./case.ts";

const countUsers = ({ quick }: CaseOptions) => (quick ? 20_000 : 100_000);

/** A full sync of unchanged users. */
export const fullSyncCase: BenchCase = {
  backends: ["redis"],
  users: countUsers,
  run: async (stage, options) => {
    const worker = await stage.startApp("worker");
    const { peakMb: _, ...report } = await measureFullSync(stage, worker, countUsers(options), options);
    return report;
  },
};

const few = 100_000;
const many = 1_000_000;
const stepMs = 1_000;

/** The same with a million users, and the growth of memory. It takes over ten minutes. Each side runs once. */
export const fullSyncMillionCase: BenchCase = {
  backends: ["redis"],
  users: () => 0,
  run: async (stage, options) => {
    const firstCreatedAtMs = Date.now() - many * stepMs;
    await stage.clerk.users.seed(few, { firstCreatedAtMs, stepMs });
    const first = await stage.startApp("worker");
    await runFullSyncOnce(stage);
    const fewMb = await readPeakRssMb(first.pid);
    await first.stop();
    const next = { firstCreatedAtMs: firstCreatedAtMs + few * stepMs, stepMs };
    await stage.clerk.users.seed(many - few, next);
    const worker = await stage.startApp("worker");
    const once = { ...options, rounds: 1, isWarm: true };
    const { peakMb, ...report } = await measureFullSync(stage, worker, many, once);
    return { ...report, verdicts: [...report.verdicts, checkLimit("fullSyncGrowth", peakMb / fewMb)] };
  },
};

/** Runs one more full sync of the `few` users that the worker's first boot has written. */
async function runFullSyncOnce(stage: Stage): Promise<void> {
  const fullSyncs = await openFullSyncs(stage);
  try {
    await fullSyncs.run(few);
  } finally {
    await fullSyncs.close();
  }
}

/** CPU time is counted in steps of 10 ms. This many users take about a hundred steps. */
const fewestParsed = 60_000;

/** Measures full syncs beside a reference that fetches and parses the same pages. The worker must have filled the tables. */
async function measureFullSync(
  stage: Stage,
  worker: AppProcess,
  users: number,
  options: RoundOptions,
): Promise<Omit<CaseReport, "name" | "backend"> & { peakMb: number }> {
  const fullSyncs = await openFullSyncs(stage);
  try {
    const other = await stage.otherQueues();
    const address = { clerkUrl: stage.clerk.url, secretKey, databaseUrl: other.databaseUrl };
    const walker = await startReference(stage, "list-walker", address);
    const sides: Side[] = [
      {
        name: "full sync, nothing drifted",
        sample: async () => ({
          operations: users,
          ...(await measureCost(worker.pid, () => fullSyncs.run(users))),
        }),
      },
      {
        name: "fetch and parse",
        sample: async () => {
          const walks = Math.ceil(fewestParsed / users);
          const cost = await measureCost(walker.pid, async () => {
            for (let walk = 0; walk < walks; walk++) await walker.ask({ limit: users, write: false });
          });
          return { operations: users * walks, ...cost };
        },
      },
    ];
    const [unchanged, parse] = await runRounds(sides, options);
    if (!unchanged || !parse) throw new Error("A side was not measured");
    const peakMb = await readPeakRssMb(worker.pid);
    const toParse = compare(unchanged, parse);
    return {
      operation: `user, of ${users}`,
      rows: [unchanged, parse].map(toRow),
      ratios: [toParse],
      verdicts: [checkLimit("fullSyncUnchanged", toParse.ratio), checkLimit("fullSyncMemory", peakMb)],
      peakMb,
    };
  } finally {
    await fullSyncs.close();
  }
}
