import type { BenchCase } from "./case.ts";
import { ensureColdCase } from "./ensure-cold.ts";
import { ensureHotCase } from "./ensure-hot.ts";
import { nudgesCase } from "./nudges.ts";
import { startUpCase } from "./start-up.ts";
import { sweepCase } from "./sweep.ts";
import { sweepMillionCase } from "./sweep-1m.ts";
import { webhookCase } from "./webhook.ts";

/** In the order in which they are run. */
export const cases = {
  webhook: webhookCase,
  "ensure-hot": ensureHotCase,
  "ensure-cold": ensureColdCase,
  nudges: nudgesCase,
  sweep: sweepCase,
  "start-up": startUpCase,
  "sweep-1m": sweepMillionCase,
} as const satisfies Record<string, BenchCase>;

export type CaseName = keyof typeof cases;

/** Only when named: it takes longer than all the others together. */
export const onRequest: readonly CaseName[] = ["sweep-1m"];
