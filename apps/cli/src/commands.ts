import type { Command } from "./command.ts";
import { alerts } from "./commands/alerts.ts";
import { conflicts } from "./commands/conflicts.ts";
import { deadLetters } from "./commands/dead-letters.ts";
import { doctor } from "./commands/doctor.ts";
import { explain } from "./commands/explain.ts";
import { purge } from "./commands/purge.ts";
import { reconcile } from "./commands/reconcile.ts";
import { runs } from "./commands/runs.ts";
import { status } from "./commands/status.ts";
import { sync } from "./commands/sync.ts";
import { users } from "./commands/users.ts";

/** By the first word of the command line. */
export const commands: Readonly<Record<string, Command>> = {
  status,
  alerts,
  users,
  explain,
  sync,
  doctor,
  purge,
  "dead-letters": deadLetters,
  conflicts,
  reconcile,
  runs,
};
