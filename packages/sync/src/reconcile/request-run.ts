import { AppError, type RunView } from "@rollcall/contracts";
import { cancelOpenRun, findRun, requestRun as makeRun, type Pool, type RunRequest } from "@rollcall/db";
import { askPostgres } from "../time-limit.ts";

/**
 * Asks for a run: makes its row, or finds the one of this mode that is not over yet. Somebody must then carry it
 * out: a job, or `runReconcile` in this process; a worker takes on what nobody does within seconds.
 *
 * @throws AppError `postgres.unavailable`
 */
export function requestRun(
  { pool }: { pool: Pool },
  request: Omit<RunRequest, "watermarkMs">,
): Promise<{ run: RunView; isNew: boolean }> {
  return askPostgres(makeRun(pool, request));
}

/**
 * Asks a run to stop. Its runner hears of it within seconds; one that nobody works on ends at once.
 *
 * @throws AppError `run.unknown`, `run.finished` or `postgres.unavailable`
 */
export async function cancelRun({ pool }: { pool: Pool }, runId: number, by: string): Promise<RunView> {
  const cancelled = await askPostgres(cancelOpenRun(pool, runId, by));
  if (cancelled) return cancelled;
  const run = await askPostgres(findRun(pool, runId));
  if (!run) throw new AppError("run.unknown", `There is no run ${runId}`);
  throw new AppError("run.finished", `Run ${runId} is ${run.state}`);
}
