import { isTransactionPooled, migrateDown, migrateUp, type Pool } from "@rollcall/db";
import { migrateQueues } from "@rollcall/jobs";

export type Direction = "up" | "down";

/** DATABASE_URL leads to a server on which Rollcall could not run. */
export class UnfitServerError extends Error {
  override readonly name = "UnfitServerError";
}

/** Our own migrations are applied. BullMQ's, which have their own transaction, are not. */
export class QueueMigrationError extends Error {
  override readonly name = "QueueMigrationError";
}

/** Migrates our tables, and with `up` also BullMQ's. @returns a line with the result */
export async function migrate(pool: Pool, direction: Direction): Promise<string> {
  if (await isTransactionPooled(pool)) {
    throw new UnfitServerError(
      "DATABASE_URL leads to a transaction pooler, but advisory locks and LISTEN need sessions: use the address of the database itself, or of a session pooler",
    );
  }
  if (direction === "down") {
    const reverted = await migrateDown(pool);
    return reverted ? `Reverted ${reverted}` : "There is no migration to revert";
  }
  const applied = await migrateUp(pool);
  await migrateQueues(pool.driver).catch((cause: unknown) => {
    throw new QueueMigrationError("BullMQ's migrations failed", { cause });
  });
  return applied.length > 0 ? `Applied ${applied.join(", ")}` : "Nothing to apply";
}
