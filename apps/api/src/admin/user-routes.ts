import {
  AppError,
  clerkUserId,
  listOf,
  syncAnswer,
  syncRequest,
  tierAnswer,
  tierChange,
  userEntry,
  userQuery,
  userReport,
} from "@rollcall/contracts";
import { listUsers } from "@rollcall/db";
import { explainUser, requestSyncs, setTier } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const userParams = z.object({ clerkId: clerkUserId });

export const userRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/users",
    summary:
      "Users by Clerk id, or by a part of email or name, newest first. An empty page may have a next one.",
    query: userQuery,
    answer: listOf(userEntry),
    run: ({ pool }, { query: { query, cursor, limit } }) => listUsers(pool, { query, cursor, limit }),
  }),
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
  defineRoute({
    method: "PATCH",
    path: "/users/:clerkId",
    summary: "Gives a user another tier.",
    params: userParams,
    body: tierChange,
    answer: tierAnswer,
    run: ({ change, config }, { params, body }) =>
      setTier(change, { ...params, ...body }, config.ADMIN_USERNAME),
  }),
  defineRoute({
    method: "POST",
    path: "/users/:clerkId/sync",
    summary: "Has one user looked at again.",
    params: userParams,
    status: 202,
    answer: syncAnswer,
    run: async ({ change, config }, { params }) => {
      const answer = await requestSyncs(change, [params.clerkId], config.ADMIN_USERNAME);
      if (answer.queued === 0) throw new AppError("user.deleted", "The user's row is a tombstone");
      return answer;
    },
  }),
  defineRoute({
    method: "POST",
    path: "/users/sync",
    summary: "Has up to 500 users looked at again.",
    body: syncRequest,
    bodyLimit: 128 * 1024,
    status: 202,
    answer: syncAnswer,
    run: ({ change, config }, { body }) => requestSyncs(change, body.clerkIds, config.ADMIN_USERNAME),
  }),
];
