import { PostgresError } from "@rollcall/db";
import type { Metrics } from "@rollcall/observability";

/**
 * Counts a failure of Postgres that would meet everybody. A row that it refuses is one user's failure, which
 * `rollcall_provision_total` counts: that user, tried again and again, must not page somebody for all.
 */
export function countPostgresError(metrics: Pick<Metrics, "count">, error: unknown): void {
  if (error instanceof PostgresError && error.code === "postgres.unavailable") {
    metrics.count("rollcall_postgres_errors_total", { code: error.sqlState });
  }
}
