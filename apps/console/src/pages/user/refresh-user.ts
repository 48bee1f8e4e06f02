import type { SyncAnswer, UserReport } from "@rollcall/contracts";
import { get, post } from "../../api/request.ts";

/** The kinds of events that the refresh made, and the report after it. late: the job is not over yet. */
export type Refreshed = {
  result: "same" | "changed" | "failed" | "late";
  kinds: string[];
  report: UserReport;
};

/** A refresh takes less than a second. Each report costs a request to Clerk, so the waits grow. */
const waitsMs = [300, 500, 1_000, 2_000, 3_000, 4_000];

/**
 * Requests a refresh, and follows the user until its job is over.
 *
 * @throws ApiProblem
 */
export async function refreshUser(clerkId: string): Promise<Refreshed> {
  const read = () => get<UserReport>(`/users/${clerkId}`);
  const before = await read();
  await post<SyncAnswer>(`/users/${clerkId}/sync`);
  let report = before;
  for (const ms of waitsMs) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    report = await read();
    if (isOver(before, report)) return describe(before, report);
  }
  return { result: "late", kinds: [], report };
}

/** Each refresh moves the order mark of the row. One that found no user here and none at Clerk leaves no trace. */
function isOver(before: UserReport, after: UserReport): boolean {
  if (after.jobs.length > 0) return false;
  return (
    before.user?.readTicket !== after.user?.readTicket ||
    before.user?.deletedAt !== after.user?.deletedAt ||
    listNew(before, after).length > 0 ||
    (after.user === null && after.clerk === "absent")
  );
}

function listNew(before: UserReport, after: UserReport): string[] {
  const newest = before.timeline[0]?.id ?? 0;
  const added = after.timeline.filter(({ id, kind }) => id > newest && kind !== "sync_requested");
  return [...new Set(added.map(({ kind }) => kind))].reverse();
}

function describe(before: UserReport, report: UserReport): Refreshed {
  const kinds = listNew(before, report);
  if (kinds.includes("dead_letter_added")) return { result: "failed", kinds, report };
  return { result: kinds.length > 0 ? "changed" : "same", kinds, report };
}
