import type { EventView, OrganizationReport, UserReport } from "@rollcall/contracts";
import { pathOf } from "../../api/report.ts";
import { get, post } from "../../api/request.ts";

/** What the reports of users and organizations have in common. */
export type Report = Pick<UserReport, "jobs"> & {
  clerk: UserReport["clerk"] | OrganizationReport["clerk"];
  timeline: readonly Pick<EventView, "id" | "kind">[];
};

/** What a refresh is asked for, and how its end is seen in reports. */
export type Refreshable<Of extends Report> = {
  of: "user" | "organization";
  id: string;
  /** A part of the report that each refresh moves. */
  mark: (report: Of) => unknown;
  hasRow: (report: Of) => boolean;
};

/** The kinds of events that the refresh made, and the report after it. late: the job is not over yet. */
export type Refreshed<Of extends Report> = {
  result: "same" | "changed" | "failed" | "late";
  kinds: string[];
  report: Of;
};

/** A refresh takes less than a second. Each report costs a request to Clerk, so the waits grow. */
const waitsMs = [300, 500, 1_000, 2_000, 3_000, 4_000];

/**
 * Requests a refresh, and follows the user or the organization until its job is over.
 *
 * @throws ApiProblem
 */
export async function refresh<Of extends Report>(what: Refreshable<Of>): Promise<Refreshed<Of>> {
  const path = pathOf(what.of, what.id);
  const read = () => get<Of>(path);
  const before = await read();
  await post(`${path}/sync`);
  let report = before;
  for (const ms of waitsMs) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    report = await read();
    if (isOver(what, before, report)) return describe(before, report);
  }
  return { result: "late", kinds: [], report };
}

/** Each refresh moves the order mark of the row. One that found no row here and none at Clerk leaves no trace. */
function isOver<Of extends Report>({ mark, hasRow }: Refreshable<Of>, before: Of, after: Of): boolean {
  if (after.jobs.length > 0) return false;
  return (
    JSON.stringify(mark(before)) !== JSON.stringify(mark(after)) ||
    listNew(before, after).length > 0 ||
    (!hasRow(after) && after.clerk === "absent")
  );
}

function listNew(before: Report, after: Report): string[] {
  const newest = before.timeline[0]?.id ?? 0;
  const added = after.timeline.filter(({ id, kind }) => id > newest && kind !== "sync_requested");
  return [...new Set(added.map(({ kind }) => kind))].reverse();
}

function describe<Of extends Report>(before: Of, report: Of): Refreshed<Of> {
  const kinds = listNew(before, report);
  if (kinds.includes("dead_letter_added")) return { result: "failed", kinds, report };
  return { result: kinds.length > 0 ? "changed" : "same", kinds, report };
}
