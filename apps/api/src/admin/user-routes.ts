import {
  AppError,
  clerkUserId,
  columnsAnswer,
  listOf,
  purgeAnswer,
  purgeRequest,
  purgeRequestOf,
  syncAnswer,
  syncRequest,
  tierAnswer,
  tierChange,
  userEntry,
  userQuery,
  userReport,
} from "@rollcall/contracts";
import { describeColumns, listUsers } from "@rollcall/db";
import { explainUser, requestPurgeByWorker, requestSyncs, setTier } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const userParams = z.object({ clerkId: clerkUserId });

export const userRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/columns",
    role: "viewer",
    summary: "The columns of users and profiles, the app's own included, and which of them are filters.",
    answer: columnsAnswer,
    run: ({ pool }) => describeColumns(pool),
  }),
  defineRoute({
    method: "GET",
    path: "/users",
    role: "viewer",
    summary:
      "Users by Clerk id, or by part of an email or a name, and by each filterable column of GET columns, newest first. A page may be short, or empty, and have a next one.",
    query: userQuery,
    answer: listOf(userEntry),
    run: ({ pool }, { query: { cursor, limit, ...filter } }) => listUsers(pool, { filter, cursor, limit }),
  }),
  defineRoute({
    method: "GET",
    path: "/users/:clerkId",
    role: "viewer",
    summary: "Everything known about one user, with one sentence that explains the state.",
    params: userParams,
    answer: userReport,
    run: async (context, { params }) => {
      const report = await explainUser(context, params.clerkId);
      if (!report) throw new AppError("user.unknown", "Neither Clerk nor Rollcall knows the id");
      return report;
    },
  }),
  defineRoute({
    method: "PATCH",
    path: "/users/:clerkId",
    role: "operator",
    summary: "Changes the tier of a user.",
    params: userParams,
    body: tierChange,
    answer: tierAnswer,
    run: (context, { params, body }, { operator }) => setTier(context, { ...params, ...body }, operator.name),
  }),
  defineRoute({
    method: "POST",
    path: "/users/:clerkId/purge",
    role: "admin",
    summary:
      "Lets a worker erase the remaining data of a deleted user, or tell with `preview` what would go and stay.",
    params: userParams,
    body: purgeRequest,
    bodyUnder: ({ profile }) => purgeRequestOf(profile?.keyType ?? "integer"),
    answer: purgeAnswer,
    run: (context, { params, body }, { operator }) =>
      requestPurgeByWorker(context, { ...params, ...body, by: operator.name }),
  }),
  defineRoute({
    method: "POST",
    path: "/users/:clerkId/sync",
    role: "operator",
    summary: "Adds a sync job for one user.",
    params: userParams,
    status: 202,
    answer: syncAnswer,
    run: async (context, { params }, { operator }) => {
      const answer = await requestSyncs(context, [params.clerkId], operator.name);
      if (answer.queued === 0) throw new AppError("user.deleted", "The user's row is a tombstone");
      return answer;
    },
  }),
  defineRoute({
    method: "POST",
    path: "/users/sync",
    role: "operator",
    summary: "Adds sync jobs for up to 500 users.",
    body: syncRequest,
    bodyLimit: 128 * 1024,
    status: 202,
    answer: syncAnswer,
    run: (context, { body }, { operator }) => requestSyncs(context, body.clerkIds, operator.name),
  }),
];
