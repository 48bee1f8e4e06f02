import { openSweeps } from "../load/sweeps.ts";
import { readPeakRssMb } from "../measure/process-figures.ts";
import { judge } from "../report/case-report.ts";
import type { Stage } from "../stage/stage.ts";
import type { BenchCase } from "./case.ts";
import { measureSweeps } from "./sweep-sides.ts";

const few = 100_000;
const many = 1_000_000;
const stepMs = 1_000;

/** The same with a million users, and whether it takes more memory; ten minutes and more. */
export const sweepMillionCase: BenchCase = {
  backends: ["redis"],
  users: () => 0,
  run: async (stage, options) => {
    const firstCreatedAtMs = Date.now() - many * stepMs;
    await stage.clerk.users.seed(few, { firstCreatedAtMs, stepMs });
    const fewMb = await sweepTwice(stage);
    const next = { firstCreatedAtMs: firstCreatedAtMs + few * stepMs, stepMs };
    await stage.clerk.users.seed(many - few, next);
    const worker = await stage.startApp("worker");
    const { peakMb, ...report } = await measureSweeps(stage, worker, many, { ...options, rounds: 1 });
    return { ...report, verdicts: [...report.verdicts, judge("sweepGrowth", peakMb / fewMb)] };
  },
};

/** A worker of its own fills the tables, looks once more, and ends. @returns its peak memory in megabytes */
async function sweepTwice(stage: Stage): Promise<number> {
  const worker = await stage.startApp("worker");
  const sweeps = await openSweeps(stage);
  try {
    await sweeps.run(few);
    return await readPeakRssMb(worker.pid);
  } finally {
    await sweeps.close();
    await worker.stop();
  }
}
