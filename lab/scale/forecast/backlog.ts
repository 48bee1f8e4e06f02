const gb = 1_024 ** 3;
/** As in packages/jobs/src/redis-backend.ts: beyond it nothing is accepted. */
const roomShare = 0.7;

/** How much may wait in a Redis with a `maxmemory` of one gigabyte, and how long it takes until so much waits. */
export function forecastBacklog({
  bytesPerJob,
  addedPerSecond,
}: {
  bytesPerJob: number;
  addedPerSecond: number;
}): { jobsPerGb: number; minutes: number } {
  const jobsPerGb = Math.floor((gb * roomShare) / bytesPerJob);
  return { jobsPerGb, minutes: jobsPerGb / addedPerSecond / 60 };
}
