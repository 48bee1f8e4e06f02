import {
  buildLargeIndexes,
  describeLeft,
  isTransactionPooled,
  migrateDown,
  migrateUp,
  type Pool,
  restoreTables,
} from "@rollcall/db";
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

/** Everything is applied. The app's own schema still lacks something that a person must restore. */
export class UnrestoredError extends Error {
  override readonly name = "UnrestoredError";
}

/**
 * Migrates our tables, and with `up` also BullMQ's. Then it restores what the app's own migrations took away.
 *
 * @returns lines with the result
 * @throws UnrestoredError with the same lines and the statements for the rest, MigrationRefusal, UnfitServerError,
 * QueueMigrationError or a PostgresError
 */
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
  const built = await buildLargeIndexes(pool);
  const { restored, left, remapped } = await restoreTables(pool);
  const done = [
    ...(applied.length > 0 ? [`Applied ${applied.join(", ")}`] : []),
    ...(built.length > 0 ? ["Built while the app could write:", ...built.map((line) => `  ${line}`)] : []),
    ...(restored.length > 0
      ? [
          "Restored what the app's schema had lost:",
          ...restored.map((line) => `  ${line}`),
          "If you use ops/roles.sql, run it again: a column takes its grants along.",
        ]
      : []),
    ...(remapped
      ? [
          `Recorded the mapping, which changed in ${remapped.join(", ")}. A full sync follows, and processes with the mapping before stand still.`,
          "If you use rollcall roles, run what it prints again.",
        ]
      : []),
  ];
  if (left.length === 0) return done.length > 0 ? done.join("\n") : "Nothing to apply";
  throw new UnrestoredError(
    [
      ...done,
      "The app's schema still differs, and only a person may change this. Run each statement that is right, then npx rollcall migrate again:",
      ...describeLeft(left),
    ].join("\n"),
  );
}
