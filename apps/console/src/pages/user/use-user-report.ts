import type { ActivityView, UserReport } from "@rollcall/contracts";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import { useLiveEvents } from "../../api/live.ts";
import { get } from "../../api/request.ts";

/**
 * Everything known about one user. It costs a request to Clerk, so it is read again only after an event of this user, not
 * with every change of users. Jobs end without an event: while there are some, it follows the overview.
 */
export function useUserReport(clerkId: string) {
  const queries = useQueryClient();
  const report = useQuery({
    queryKey: ["user", clerkId],
    queryFn: ({ signal }) => get<UserReport>(`/users/${clerkId}`, { signal }),
  });
  const { refetch } = report;
  const hasJobs = (report.data?.jobs.length ?? 0) > 0;
  const { data: tick } = useQuery({
    queryKey: ["overview", "jobs of a user"],
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
        if (event.clerkId === clerkId) void queries.invalidateQueries({ queryKey: ["user"] });
      },
      [queries, clerkId],
    ),
  );
  return report;
}
