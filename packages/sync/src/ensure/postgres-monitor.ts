import type { Pool } from "@rollcall/db";

/** Reports whether Postgres answers, without a query for each call. */
export type PostgresMonitor = {
  isDown(): boolean;
  /** Asks Postgres at once instead of at the next beat, because a query has failed. */
  check(): void;
  close(): void;
};

const beatMs = 1_000;

/**
 * Asks Postgres once a second, so that an answer from the cache can say that it may be stale.
 *
 * @param onChange called when Postgres goes away, with the reason, and when it is back
 */
export function startPostgresMonitor(
  pool: Pool,
  onChange: (down: boolean, reason?: unknown) => void,
): PostgresMonitor {
  let down = false;
  let isChecking = false;

  async function ask(): Promise<void> {
    if (isChecking) return;
    isChecking = true;
    let isDown = false;
    let reason: unknown;
    try {
      await pool.query("select 1");
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
    check: () => void ask(),
    close: () => clearInterval(beat),
  };
}
