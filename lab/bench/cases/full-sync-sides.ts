import { openFullSync } from "../load/full-syncs.ts";
import { readPeakRssMb } from "../measure/process-usage.ts";
import { measureCost, type RoundOptions, runRounds, type Side } from "../measure/rounds.ts";
import { type CaseReport, compare, judge, toRow } from "../report/case-report.ts";
import type { AppProcess } from "../stage/app-process.ts";
import { type Stage, secretKey } from "../stage/stage.ts";

/** A user costs the script a round trip, so few of them tell as much. */
const scriptUsers = 3_000;
/** CPU time comes in steps of 10 ms: what is measured should take a hundred of them, or nearly so. */
const fewestParsed = 60_000;

/**
 * Sweeps over so many users, beside who does less: walks over the same pages and parses them, or writes each user
 * by itself. The worker's first boot has filled the tables before.
 */
export async function measureFullSync(
  stage: Stage,
  worker: AppProcess,
  users: number,
  options: RoundOptions,
): Promise<Omit<CaseReport, "name" | "backend"> & { peakMb: number }> {
  const sweeps = await openFullSync(stage);
  try {
    const other = await stage.otherQueues();
    const address = { clerkUrl: stage.clerk.url, secretKey, databaseUrl: other.databaseUrl };
    const walker = await stage.startReference("list-walker", address);
    const sides: Side[] = [
      {
        name: "first fill",
        sample: async () => {
          await sweeps.emptyTables();
          return { operations: users, ...(await measureCost(worker.pid, () => sweeps.run(users))) };
        },
      },
      {
        name: "sweep, nothing drifted",
        sample: async () => ({
          operations: users,
          ...(await measureCost(worker.pid, () => sweeps.run(users))),
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
      {
        name: "script, user by user",
        sample: async () => ({
          operations: scriptUsers,
          ...(await measureCost(walker.pid, () => walker.ask({ limit: scriptUsers, write: true }))),
        }),
      },
    ];
    const [fill, unchanged, parse, script] = await runRounds(sides, options);
    if (!unchanged || !fill || !parse || !script) throw new Error("A side was not measured");
    const peakMb = await readPeakRssMb(worker.pid);
    const [toParse, fillToParse] = [compare(unchanged, parse), compare(fill, parse)];
    return {
      operation: `user, of ${users}`,
      rows: [unchanged, fill, parse, script].map(toRow),
      ratios: [toParse, fillToParse, compare(fill, script)],
      verdicts: [
        judge("sweepUnchanged", toParse.ratio),
        judge("sweepFill", fillToParse.ratio),
        judge("sweepMemory", peakMb),
      ],
      peakMb,
    };
  } finally {
    await sweeps.close();
  }
}
