import { maxIdsPerRead, maxUsersPerPage } from "@rollcall/clerk";
import type { RequestBudget } from "@rollcall/db";

const msPerHour = 3_600_000;

/** How long a full sweep takes, and what holds it back. */
export type FullSyncForecast = {
  pages: number;
  hours: number;
  /** pages: the walk asks for one page after the other. budget: it might be faster and may not. */
  heldBackBy: "pages" | "budget";
};

/**
 * A sweep reads pages one after the other, each with one request, and counts everybody once. A page costs as long as
 * Clerk takes for it or, when that is longer, as we take for the one before.
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
  // A last page that is full is not known to be the last one.
  const pages = Math.floor(users / maxUsersPerPage) + 1;
  const budgetMs = timeRequests(pages + 1, budget);
  const walkMs = pages * pageMs;
  return {
    pages,
    hours: Math.max(budgetMs, walkMs) / msPerHour,
    heldBackBy: budgetMs > walkMs ? "budget" : "pages",
  };
}

/**
 * How long it takes to ask Clerk by id for everybody whom the walk did not show. Each request also names a sentinel.
 *
 * @param requestMs how long one takes
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

/** So many requests at the pace that the budget allows in the long run; milliseconds. */
function timeRequests(requests: number, { requests: most, windowMs }: RequestBudget): number {
  // The first window's requests may go out at once.
  return Math.max(0, requests - most) * (windowMs / most);
}

/** As in packages/sync/src/reconcile/catch-up.ts. */
const catchUp = { pageStep: 450, mostPages: 20 };

/**
 * Changes a second that a catch-up can follow: one pass walks over those since the last pass, and more of them than
 * fit on its pages start a full sweep.
 */
export function forecastCatchUp(everyMs: number): number {
  const most = catchUp.pageStep * (catchUp.mostPages - 1) + maxUsersPerPage;
  return most / (everyMs / 1_000);
}
