import type { BenchCase } from "./case.ts";
import { ensureColdCase } from "./ensure-cold.ts";
import { ensureHotCase } from "./ensure-hot.ts";
import { firstFillCase, firstFillMillionCase } from "./first-fill.ts";
import { fullSyncCase, fullSyncMillionCase } from "./full-sync.ts";
import { fullSyncWaitsCase } from "./full-sync-waits.ts";
import { peersCase } from "./peers.ts";
import { startUpCase } from "./start-up.ts";
import { syncJobsCase } from "./sync-jobs.ts";
import { telemetryCase } from "./telemetry.ts";
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
  "full-sync-waits": fullSyncWaitsCase,
  "start-up": startUpCase,
  "first-fill-1m": firstFillMillionCase,
  "full-sync-1m": fullSyncMillionCase,
  telemetry: telemetryCase,
} as const satisfies Record<string, BenchCase>;

export type CaseName = keyof typeof cases;

/** These run only if they are named: waits for a slow Clerk and a million users take long, and telemetry has no limit. */
export const onRequest: readonly CaseName[] = [
  "full-sync-waits",
  "first-fill-1m",
  "full-sync-1m",
  "telemetry",
];
