import { isTransactionPooled, migrateDown, migrateUp, type Pool } from "@rollcall/db";
import { migrateQueues } from "@rollcall/jobs";
import type { Direction } from "./arguments.ts";

/** DATABASE_URL leads to something that Rollcall could not run on later. */
export class UnfitServerError extends Error {
  override readonly name = "UnfitServerError";
}

/** Our own migrations are in; BullMQ's, which have a transaction of their own, are not. */
export class QueueMigrationError extends Error {
  override readonly name = "QueueMigrationError";
}

/** Migrates our tables, and on the way up BullMQ's too. @returns a line that says what was done. */
export async function migrate(pool: Pool, direction: Direction): Promise<string> {
  if (await isTransactionPooled(pool)) {
    throw new UnfitServerError(
      "DATABASE_URL leads to a transaction pooler, but advisory locks and LISTEN need sessions: use the address of the database itself, or of a session pooler",
    );
  }
  if (direction === "down") {
    const taken = await migrateDown(pool);
    return taken ? `Took back ${taken}` : "There is no migration to take back";
  }
  const applied = await migrateUp(pool);
  await migrateQueues(pool.driver).catch((cause: unknown) => {
    throw new QueueMigrationError("BullMQ's migrations failed", { cause });
  });
  return applied.length > 0 ? `Applied ${applied.join(", ")}` : "Nothing to apply";
}
