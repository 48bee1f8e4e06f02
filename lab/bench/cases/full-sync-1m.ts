import { openFullSync } from "../load/full-syncs.ts";
import { readPeakRssMb } from "../measure/process-usage.ts";
import { judge } from "../report/case-report.ts";
import type { Stage } from "../stage/stage.ts";
import type { BenchCase } from "./case.ts";
import { measureFullSync } from "./full-sync-sides.ts";

const few = 100_000;
const many = 1_000_000;
const stepMs = 1_000;

/** The same with a million users, and whether it takes more memory; ten minutes and more. Each side is played once. */
export const sweepMillionCase: BenchCase = {
  backends: ["redis"],
  users: () => 0,
  run: async (stage, options) => {
    const firstCreatedAtMs = Date.now() - many * stepMs;
    await stage.clerk.users.seed(few, { firstCreatedAtMs, stepMs });
    const first = await stage.startApp("worker");
    await sweepAgain(stage);
    const fewMb = await readPeakRssMb(first.pid);
    await first.stop();
    const next = { firstCreatedAtMs: firstCreatedAtMs + few * stepMs, stepMs };
    await stage.clerk.users.seed(many - few, next);
    const worker = await stage.startApp("worker");
    const once = { ...options, rounds: 1, isWarm: true };
    const { peakMb, ...report } = await measureFullSync(stage, worker, many, once);
    return { ...report, verdicts: [...report.verdicts, judge("sweepGrowth", peakMb / fewMb)] };
  },
};

/** The worker that runs on the stage looks once more at the few that its first boot has written. */
async function sweepAgain(stage: Stage): Promise<void> {
  const sweeps = await openFullSync(stage);
  try {
    await sweeps.run(few);
  } finally {
    await sweeps.close();
  }
}
