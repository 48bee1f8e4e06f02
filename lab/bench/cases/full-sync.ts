import type { BenchCase, CaseOptions } from "./case.ts";
import { measureFullSync } from "./full-sync-sides.ts";

const countUsers = ({ quick }: CaseOptions) => (quick ? 20_000 : 100_000);

/** Everybody is compared, and everybody is written for the first time. */
export const sweepCase: BenchCase = {
  backends: ["redis"],
  users: countUsers,
  run: async (stage, options) => {
    const worker = await stage.startApp("worker");
    const { peakMb: _, ...report } = await measureFullSync(stage, worker, countUsers(options), options);
    return report;
  },
};
