import {
  activityQuery,
  activityView,
  alertDelivery,
  alertFiring,
  alertRules,
  auditEntry,
  auditQuery,
  growthAnswer,
  growthHoursAnswer,
  growthHoursQuery,
  growthQuery,
  listOf,
  listQuery,
  overview,
} from "@rollcall/contracts";
import {
  listActivity,
  listAudit,
  listFirings,
  type Pool,
  readDelivery,
  readGrowth,
  readGrowthHours,
} from "@rollcall/db";
import { viewDelivery, viewFirings } from "@rollcall/observability";
import { describePeople, nameOrganizations } from "@rollcall/sync";
import { type AdminRoute, defineRoute } from "./admin-route.ts";
import { liveRoute } from "./live/live-route.ts";

export const activityRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/overview",
    role: "viewer",
    summary: "What needs attention, and the system over time. A part is null while its source is away.",
    answer: overview,
    run: ({ readOverview }) => readOverview(),
  }),
  defineRoute({
    method: "GET",
    path: "/activity",
    role: "viewer",
    summary:
      "The timeline of all users, newest first. A page may be short, or empty, and still have a next cursor.",
    query: activityQuery,
    answer: listOf(activityView),
    run: async ({ pool }, { query: { kind, cause, clerkId, ref, cursor, limit } }) =>
      withNames(pool, await listActivity(pool, { kinds: kind, causes: cause, clerkId, ref, cursor, limit })),
  }),
  defineRoute({
    method: "GET",
    path: "/audit",
    role: "viewer",
    summary: "What operators did, newest first.",
    query: auditQuery,
    answer: listOf(auditEntry),
    run: async ({ pool }, { query: { by, kind, clerkId, cursor, limit } }) =>
      withNames(pool, await listAudit(pool, { by, kinds: kind, clerkId, cursor, limit })),
  }),
  liveRoute,
  defineRoute({
    method: "GET",
    path: "/growth",
    role: "viewer",
    summary: "Sign-ups, provisioned and deleted users by day, up to today. Days are UTC, or those of a zone.",
    query: growthQuery,
    answer: growthAnswer,
    run: async ({ pool }, { query }) => ({ ...(await readGrowth(pool, query)), zone: query.zone }),
  }),
  defineRoute({
    method: "GET",
    path: "/growth/hours",
    role: "viewer",
    summary: "The same by hour, and all events of the timeline, up to the present hour.",
    query: growthHoursQuery,
    answer: growthHoursAnswer,
    run: ({ pool }, { query }) => readGrowthHours(pool, query.hours),
  }),
  defineRoute({
    method: "GET",
    path: "/alerts/history",
    role: "viewer",
    summary: "Past and present firings of alerts, newest first.",
    query: listQuery,
    answer: listOf(alertFiring),
    run: async ({ pool }, { query: { cursor, limit } }) => {
      const { items, nextCursor } = await listFirings(pool, { cursor, limit });
      return { items: viewFirings(alertRules, items), nextCursor };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/alerts/delivery",
    role: "viewer",
    summary: "Where alerts are sent, and whether that works.",
    answer: alertDelivery,
    run: async ({ pool }) => viewDelivery(await readDelivery(pool)),
  }),
];

/** Names stand in the answer alone: the timeline holds ids. */
async function withNames<Item extends { clerkId: string | null }>(
  pool: Pool,
  { items, nextCursor }: { items: Item[]; nextCursor: string | null },
): Promise<{ items: (Item & { name: string | null })[]; nextCursor: string | null }> {
  const ids = items.map(({ clerkId }) => clerkId);
  const [people, organizations] = await Promise.all([
    describePeople({ pool }, ids),
    nameOrganizations(pool, ids),
  ]);
  const nameOf = (clerkId: string | null) =>
    clerkId === null ? null : (people.get(clerkId)?.name ?? organizations.get(clerkId) ?? null);
  return { items: items.map((item) => ({ ...item, name: nameOf(item.clerkId) })), nextCursor };
}
