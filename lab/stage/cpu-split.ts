import { findPostmaster } from "./postgres.ts";
import { readCpuUs, readTreeCpuUs } from "./process-usage.ts";

/** The measured processes: apis or workers, and the two databases. */
export type Watched = { pids: readonly number[]; redisPid?: number; databaseUrl: string };

/** CPU time of each in microseconds, and the duration. */
export type CpuSplit = { oursUs: number; redisUs: number; postgresUs: number; wallMs: number };

/** Runs `work`, and splits its CPU time by program. */
export async function splitCpu(watched: Watched, work: () => Promise<unknown>): Promise<CpuSplit> {
  const postmaster = await findPostmaster(watched.databaseUrl);
  const read = async () => {
    const ours = await Promise.all(watched.pids.map(readCpuUs));
    return {
      oursUs: ours.reduce((sum, us) => sum + us, 0),
      redisUs: watched.redisPid === undefined ? 0 : await readCpuUs(watched.redisPid),
      postgresUs: await readTreeCpuUs(postmaster),
    };
  };
  const before = await read();
  const startedAtMs = performance.now();
  await work();
  const wallMs = performance.now() - startedAtMs;
  const after = await read();
  return {
    oursUs: after.oursUs - before.oursUs,
    redisUs: after.redisUs - before.redisUs,
    postgresUs: after.postgresUs - before.postgresUs,
    wallMs,
  };
}
