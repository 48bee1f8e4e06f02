import { PostgresError } from "@rollcall/db";
import type { Metrics } from "@rollcall/observability";

/**
 * Counts a failure of Postgres that affects every user. A refused row is one user's failure, and
 * `rollcall_provision_total` counts it: the retries of one user must not fire the alert on Postgres.
 */
export function countPostgresError(metrics: Pick<Metrics, "count">, error: unknown): void {
  if (error instanceof PostgresError && error.code !== "user.rejected") {
    metrics.count("rollcall_postgres_errors_total", { code: error.sqlState });
  }
}
