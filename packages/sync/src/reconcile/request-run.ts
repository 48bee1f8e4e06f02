import type { RunView } from "@rollcall/contracts";
import { requestRun as makeRun, type Pool, type RunRequest } from "@rollcall/db";

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
  return makeRun(pool, request);
}
