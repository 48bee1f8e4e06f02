import type { BenchCase } from "./case.ts";
import { ensureColdCase } from "./ensure-cold.ts";
import { ensureHotCase } from "./ensure-hot.ts";
import { sweepCase } from "./full-sync.ts";
import { sweepMillionCase } from "./full-sync-1m.ts";
import { startUpCase } from "./start-up.ts";
import { syncJobsCase } from "./sync-jobs.ts";
import { webhookCase } from "./webhook.ts";

/** In the order in which they are run. */
export const cases = {
  webhook: webhookCase,
  "ensure-hot": ensureHotCase,
  "ensure-cold": ensureColdCase,
  syncJobs: syncJobsCase,
  sweep: sweepCase,
  "start-up": startUpCase,
  "sweep-1m": sweepMillionCase,
} as const satisfies Record<string, BenchCase>;

export type CaseName = keyof typeof cases;

/** Only when named: it takes longer than all the others together. */
export const onRequest: readonly CaseName[] = ["sweep-1m"];
