import { connectionsPart } from "./connections.ts";
import { coresPart } from "./cores.ts";
import { fullSyncTimePart } from "./full-sync-time.ts";
import { growthPart } from "./growth.ts";
import { operationsPart } from "./operations.ts";
import { organizationsPart } from "./organizations.ts";
import type { ScalePart } from "./part.ts";
import { queueMemoryPart } from "./queue-memory.ts";
import { queueTablesPart } from "./queue-tables.ts";
import { statementsPart } from "./statements.ts";
import { tablesPart } from "./tables.ts";

/** In the order of the runs. `growth` is last, because it changes the rows that `tables` and `statements` read. */
export const parts = {
  "queue-memory": queueMemoryPart,
  "queue-tables": queueTablesPart,
  connections: connectionsPart,
  cores: coresPart,
  "full-sync-time": fullSyncTimePart,
  organizations: organizationsPart,
  tables: tablesPart,
  statements: statementsPart,
  operations: operationsPart,
  growth: growthPart,
} as const satisfies Record<string, ScalePart>;

export type PartName = keyof typeof parts;
