import type { BenchCase } from "./case.ts";
import { ensureColdCase } from "./ensure-cold.ts";
import { ensureHotCase } from "./ensure-hot.ts";
import { fullSyncCase, fullSyncMillionCase } from "./full-sync.ts";
import { fullSyncWaitsCase } from "./full-sync-waits.ts";
import { startUpCase } from "./start-up.ts";
import { syncJobsCase } from "./sync-jobs.ts";
import { webhookCase } from "./webhook.ts";

/** In the order of the runs. */
export const cases = {
  webhook: webhookCase,
  "ensure-hot": ensureHotCase,
  "ensure-cold": ensureColdCase,
  "sync-jobs": syncJobsCase,
  "full-sync": fullSyncCase,
  "full-sync-waits": fullSyncWaitsCase,
  "start-up": startUpCase,
  "full-sync-1m": fullSyncMillionCase,
} as const satisfies Record<string, BenchCase>;

export type CaseName = keyof typeof cases;

/** These run only if they are named: one waits for a slow Clerk, and one takes longer than all others together. */
export const onRequest: readonly CaseName[] = ["full-sync-waits", "full-sync-1m"];
