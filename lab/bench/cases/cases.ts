import type { BenchCase } from "./case.ts";
import { ensureColdCase } from "./ensure-cold.ts";
import { ensureHotCase } from "./ensure-hot.ts";
import { firstFillCase, firstFillMillionCase } from "./first-fill.ts";
import { fullSyncCase, fullSyncMillionCase } from "./full-sync.ts";
import { peersCase } from "./peers.ts";
import { startUpCase } from "./start-up.ts";
import { syncJobsCase } from "./sync-jobs.ts";
import { webhookCase } from "./webhook.ts";

/** In the order of the runs. */
export const cases = {
  webhook: webhookCase,
  "ensure-hot": ensureHotCase,
  "ensure-cold": ensureColdCase,
  "sync-jobs": syncJobsCase,
  "first-fill": firstFillCase,
  peers: peersCase,
  "full-sync": fullSyncCase,
  "start-up": startUpCase,
  "first-fill-1m": firstFillMillionCase,
  "full-sync-1m": fullSyncMillionCase,
} as const satisfies Record<string, BenchCase>;

export type CaseName = keyof typeof cases;

/** These run only if they are named, because each takes longer than all others together. */
export const onRequest: readonly CaseName[] = ["first-fill-1m", "full-sync-1m"];
