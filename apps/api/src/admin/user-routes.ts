import { AppError, clerkUserId, userReport } from "@rollcall/contracts";
import { explainUser } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const userParams = z.object({ clerkId: clerkUserId });

export const userRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/users/:clerkId",
    summary: "All that is known of one user, and a sentence why they are, or are not, there.",
    params: userParams,
    answer: userReport,
    run: async ({ explain }, { params }) => {
      const report = await explainUser(explain, params.clerkId);
      if (!report) throw new AppError("user.unknown", "Neither Clerk nor we know the id");
      return report;
    },
  }),
];
