import type { BenchCase } from "./case.ts";
import { ensureColdCase } from "./ensure-cold.ts";
import { ensureHotCase } from "./ensure-hot.ts";
import { nudgesCase } from "./nudges.ts";
import { webhookCase } from "./webhook.ts";

/** In the order in which they are run. */
export const cases = {
  webhook: webhookCase,
  "ensure-hot": ensureHotCase,
  "ensure-cold": ensureColdCase,
  nudges: nudgesCase,
} as const satisfies Record<string, BenchCase>;

export type CaseName = keyof typeof cases;
