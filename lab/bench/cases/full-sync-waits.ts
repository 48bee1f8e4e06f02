import { openFullSyncs } from "../../stage/full-syncs.ts";
import { checkLimit, compareDurations, toRow } from "../report.ts";
import { measureCost, runRounds, type Side } from "../rounds.ts";
import type { BenchCase, CaseOptions } from "./case.ts";

/** Clerk's time for a page. */
const latenciesMs = [0, 100, 250] as const;

/** The default share of Clerk's limit: 500 requests in 11 s, with up to 500 users each. */
const budgetShare = "0.5";
const usersPerSecond = (500 * 500) / 11;

const countUsers = ({ quick }: CaseOptions) => (quick ? 20_000 : 100_000);

/**
 * A full sync of unchanged users while Clerk takes its time, beside the duration that the budget allows. A walk begins with
 * one range and has all of them after some seconds, so it comes closer to the budget the more users there are.
 */
export const fullSyncWaitsCase: BenchCase = {
  backends: ["redis"],
  users: countUsers,
  run: async (stage, options) => {
    const users = countUsers(options);
    const worker = await stage.startApp("worker", { CLERK_RATE_BUDGET: budgetShare });
    const fullSyncs = await openFullSyncs(stage);
    const { faults } = stage.clerk;
    try {
      const sides = latenciesMs.map(
        (ms): Side => ({
          name: `Clerk in ${ms} ms`,
          sample: async () => {
            if (ms > 0) await faults.add({ kind: "latency", ms });
            try {
              return { operations: users, ...(await measureCost(worker.pid, () => fullSyncs.run(users))) };
            } finally {
              await faults.heal();
            }
          },
        }),
      );
      const measured = await runRounds(sides, options);
      const slowest = measured.at(-1);
      if (!slowest) throw new Error("A side was not measured");
      const wallMs = (users / usersPerSecond) * 1_000;
      const allowed = {
        name: "the budget allows",
        samples: slowest.samples.map(() => ({ operations: users, cpuUs: 0, wallMs })),
      };
      return {
        operation: `user, of ${users}`,
        rows: [...measured, allowed].map(toRow),
        ratios: [],
        verdicts: [checkLimit("fullSyncOfBudget", compareDurations(slowest, allowed))],
      };
    } finally {
      await fullSyncs.close();
    }
  },
};
