import { checkWrites, type Pool } from "@rollcall/db";

/** Reports whether Postgres does its work, without a query for each call. */
export type PostgresMonitor = {
  isDown(): boolean;
  /** When the server that answered last began; undefined before its first answer. See `findSession`. */
  serverStart(): string | undefined;
  /** Asks Postgres at once instead of at the next beat, because a query has failed. */
  check(): void;
  close(): void;
};

const beatMs = 1_000;

/**
 * Writes to Postgres once a second, so that an answer from the cache can say that it may be stale. While Postgres refuses
 * writes, no change reaches the rows, and a cached answer may be older than Clerk.
 *
 * @param onChange called when Postgres goes away, with the reason, and when it is back
 */
export function startPostgresMonitor(
  pool: Pool,
  onChange: (down: boolean, reason?: unknown) => void,
): PostgresMonitor {
  let down = false;
  let serverStart: string | undefined;
  let isChecking = false;

  async function ask(): Promise<void> {
    if (isChecking) return;
    isChecking = true;
    let isDown = false;
    let reason: unknown;
    try {
      serverStart = await checkWrites(pool);
    } catch (error) {
      isDown = true;
      reason = error;
    }
    isChecking = false;
    if (isDown !== down) {
      down = isDown;
      onChange(down, reason);
    }
  }

  const beat = setInterval(ask, beatMs);
  void ask();
  return {
    isDown: () => down,
    serverStart: () => serverStart,
    check: () => void ask(),
    close: () => clearInterval(beat),
  };
}
