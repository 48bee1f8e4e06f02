import { AppError, withTimeout } from "@rollcall/contracts";
import { checkWrites, type Pool } from "@rollcall/db";
import type { Producers, QueueBackend } from "@rollcall/jobs";

// The checks of /readyz, status and doctor. Each writes over the connections that the work uses, because a server that
// answers reads may refuse every write: a demoted primary, a read-only database, a full disk.

/** Why Postgres does not do its work; undefined while it does. */
export function checkPostgres(pool: Pool, limitMs: number): Promise<AppError | undefined> {
  return findFailure(checkWrites(pool), limitMs, "postgres.unavailable", "A write to Postgres");
}

/** Why the queue takes no job; undefined while it does. A connection alone is no proof: its server may be frozen. */
export function checkQueue(
  { producers, backend }: { producers: Pick<Producers, "sync">; backend: Pick<QueueBackend, "checkWrite"> },
  limitMs: number,
): Promise<AppError | undefined> {
  const written = producers.sync.connected(limitMs).then(() => backend.checkWrite());
  return findFailure(written, limitMs, "queue.unavailable", "A write to the queue's database");
}

async function findFailure(
  work: Promise<unknown>,
  limitMs: number,
  code: "postgres.unavailable" | "queue.unavailable",
  what: string,
): Promise<AppError | undefined> {
  try {
    await withTimeout(work, limitMs, code, what);
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error : new AppError(code, `${what} failed`, { cause: error });
  }
}
