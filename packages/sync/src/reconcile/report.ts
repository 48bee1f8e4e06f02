import type { ListedUser } from "@rollcall/clerk";
import { AppError, type LogEvent } from "@rollcall/contracts";
import type { DriftKind, UserSnapshot } from "@rollcall/db";
import { countPostgresError } from "../count-postgres-error.ts";
import type { WriteOutcome } from "../user/apply-batch.ts";
import type { ReconcileContext } from "./context.ts";

const cause = "reconcile";

const events: Partial<Record<string, LogEvent>> = {
  created: "mentorado_created",
  linked: "mentorado_linked",
};

/** Logs and counts one user that differed, under the names that sync jobs use too. */
export function reportWrite(
  { log, metrics }: ReconcileContext,
  { clerkId, ref }: UserSnapshot,
  kind: DriftKind,
  outcome: WriteOutcome,
): void {
  metrics.count("rollcall_reconcile_drift_total", { kind });
  if (outcome instanceof AppError) {
    reportFailure({ log, metrics }, clerkId, outcome);
    return;
  }
  metrics.count("rollcall_provision_total", { cause, outcome });
  const event = events[outcome] ?? ("user_synced" satisfies LogEvent);
  log.info({ event, clerkId, cause, outcome, kind, runId: ref }, "User reconciled");
}

/** Logs and counts an entry of Clerk's list that could not be read. */
export function reportUnreadable(context: ReconcileContext, { clerkId, result }: ListedUser): void {
  if ("unreadable" in result) reportFailure(context, clerkId, result.unreadable);
}

function reportFailure(
  { log, metrics }: Pick<ReconcileContext, "log" | "metrics">,
  clerkId: string | null,
  error: AppError,
): void {
  metrics.count("rollcall_provision_total", { cause, outcome: error.code });
  countPostgresError(metrics, error);
  const line = {
    event: "mentorado_creation_failed" satisfies LogEvent,
    clerkId,
    cause,
    code: error.code,
    err: error,
  };
  log.error(line, "A user could not be reconciled");
}

/** Logs and counts users whom Clerk no longer has. */
export function reportAbsent(
  { log, metrics }: ReconcileContext,
  clerkIds: readonly string[],
  outcome: "tombstoned" | "held",
): void {
  const event: LogEvent = outcome === "held" ? "deletion_held" : "user_tombstoned";
  for (const clerkId of clerkIds) {
    metrics.count("rollcall_reconcile_drift_total", { kind: "extra_row" });
    metrics.count("rollcall_provision_total", { cause, outcome });
    log.info({ event, clerkId, cause, outcome }, "Clerk no longer has the user");
  }
}
