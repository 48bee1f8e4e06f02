import type { ActivityView } from "@rollcall/contracts";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import { useLiveEvents } from "./live.ts";
import { get } from "./request.ts";

const folders = { user: "users", organization: "organizations" } as const;

/** The address of all that concerns one user or organization. */
export const pathOf = (of: keyof typeof folders, id: string) => `/${folders[of]}/${id}`;

/** Whether an event is in the timeline of a user or an organization. */
export const concerns = (id: string, { clerkId, details }: ActivityView): boolean =>
  clerkId === id || details["clerkOrgId"] === id;

/**
 * Everything known about one user or organization. It costs a request to Clerk, so it is read again only after an event of
 * this timeline, not with every change of users. Jobs end without an event: while there are some, it follows the overview.
 */
export function useReport<Report extends { jobs: readonly unknown[] }>(of: keyof typeof folders, id: string) {
  const queries = useQueryClient();
  const report = useQuery({
    queryKey: [of, id],
    queryFn: ({ signal }) => get<Report>(pathOf(of, id), { signal }),
  });
  const { refetch } = report;
  const hasJobs = (report.data?.jobs.length ?? 0) > 0;
  const { data: tick } = useQuery({
    queryKey: ["overview", "jobs of a report"],
    queryFn: () => Date.now(),
    enabled: hasJobs,
    staleTime: Number.POSITIVE_INFINITY,
  });
  useEffect(() => {
    if (hasJobs && tick !== undefined) void refetch();
  }, [hasJobs, tick, refetch]);
  useLiveEvents(
    useCallback(
      (event: ActivityView) => {
        if (concerns(id, event)) void queries.invalidateQueries({ queryKey: [of] });
      },
      [queries, of, id],
    ),
  );
  return report;
}
