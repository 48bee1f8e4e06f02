import { systemStatus } from "@rollcall/contracts";
import { readStatus } from "@rollcall/sync";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

export const statusRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/status",
    summary: "What ops look at first: a sentence for each problem, and what it rests on.",
    answer: systemStatus,
    run: ({ status }) => readStatus(status),
  }),
];
