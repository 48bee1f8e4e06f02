import { maxIdsPerRead, maxUsersPerPage } from "@rollcall/clerk";
import type { RequestBudget } from "@rollcall/db";

const msPerHour = 3_600_000;

/** The duration of a full sync, and its limit. */
export type FullSyncForecast = {
  pages: number;
  hours: number;
  /** pages: the lanes fetch and compare no more of them. budget: the rate limit allows no more requests. */
  limitedBy: "pages" | "budget";
};

/**
 * A full sync fetches each page with one request, and asks once for the number of users.
 *
 * @param pageMs the duration of a measured full sync, divided by its pages. Lanes overlap, so it is less than Clerk takes
 */
export function forecastFullSync({
  users,
  pageMs,
  budget,
}: {
  users: number;
  pageMs: number;
  budget: RequestBudget;
}): FullSyncForecast {
  // Only a short page is known to be the last one.
  const pages = Math.floor(users / maxUsersPerPage) + 1;
  const budgetMs = timeRequests(pages + 1, budget);
  const walkMs = pages * pageMs;
  return {
    pages,
    hours: Math.max(budgetMs, walkMs) / msPerHour,
    limitedBy: budgetMs > walkMs ? "budget" : "pages",
  };
}

/**
 * The duration of the lookups by id for all users that the walk lacked. Each request also names a sentinel user.
 *
 * @param requestMs the duration of one request
 * @returns hours
 */
export function forecastConfirmation({
  absent,
  requestMs,
  budget,
}: {
  absent: number;
  requestMs: number;
  budget: RequestBudget;
}): { requests: number; hours: number } {
  const requests = Math.ceil(absent / (maxIdsPerRead - 1));
  return { requests, hours: Math.max(timeRequests(requests, budget), requests * requestMs) / msPerHour };
}

/** The time in which the budget allows this number of requests; milliseconds. */
function timeRequests(requests: number, { requests: most, windowMs }: RequestBudget): number {
  // The first window's requests may be sent at once.
  return Math.max(0, requests - most) * (windowMs / most);
}

/** The values of packages/sync/src/reconcile/incremental-sync.ts. */
const incrementalSync = { pageStep: 450, mostPages: 20 };

/**
 * The changes per second that an incremental sync can follow. One pass reads the changes since the last pass. If they do
 * not fit on its pages, it starts a full sync.
 */
export function forecastIncrementalSync(everyMs: number): number {
  const most = incrementalSync.pageStep * (incrementalSync.mostPages - 1) + maxUsersPerPage;
  return most / (everyMs / 1_000);
}

const gb = 1_024 ** 3;
/** The value of packages/jobs/src/redis-backend.ts. Above it, no job is accepted. */
const roomShare = 0.7;

/** The number of jobs that may wait in a Redis with a `maxmemory` of 1 GB, and the time until they do. */
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
