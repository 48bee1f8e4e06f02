import {
  deadLetterCount,
  deadLetterQuery,
  deadLetterView,
  discardAnswer,
  discardRequest,
  listOf,
  type ReplayAnswer,
  replayAnswer,
  replayRequest,
} from "@rollcall/contracts";
import { countDeadLetters, listDeadLetters, readClerkId, viewDeadLetter } from "@rollcall/jobs";
import { describeError } from "@rollcall/runtime";
import { describePeople, discardDeadLetters, type Refused, replayDeadLetters } from "@rollcall/sync";
import type { FastifyRequest } from "fastify";
import type { ApiContext } from "../context.ts";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

/** The ids of 500 dead letters may be longer than the api's own limit. */
const bodyLimit = 256 * 1024;

export const deadLetterRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/dead-letters",
    role: "viewer",
    summary:
      "Jobs that failed for good, newest first. A page of one code may be short and still have a next one.",
    query: deadLetterQuery,
    answer: listOf(deadLetterView),
    run: async ({ pool, clerk, producers }, { query }) => {
      const { items, nextCursor } = await listDeadLetters(producers["dead-letter"], query);
      const people = await describePeople({ pool, clerk }, items.map(readClerkId));
      return { items: items.map((letter) => viewDeadLetter(letter, people)), nextCursor };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/dead-letters/codes",
    role: "viewer",
    summary: "The number of dead letters of each error code, highest first.",
    answer: listOf(deadLetterCount),
    run: async ({ backend }) => {
      const items = await countDeadLetters(backend);
      return { items: items.filter(({ count }) => count > 0), nextCursor: null };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/dead-letters/replay",
    role: "operator",
    summary: "Replays some, those of one code, or all, at most 500 a call. With `more`, call again.",
    body: replayRequest,
    bodyLimit,
    answer: replayAnswer,
    run: async (context, { body }, request) => {
      const by = request.operator.name;
      const done = await replayDeadLetters(context, body, by);
      context.log.info({ event: "dead_letters_replayed", count: done.replayed, by }, "Dead letters replayed");
      return { ...done, refused: describeRefused(context, request, done.refused) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/dead-letters/discard",
    role: "operator",
    summary:
      "Discards some, those of one code, or all, for good, at most 500 a call. With `more`, call again. The timeline keeps the reason.",
    body: discardRequest,
    bodyLimit,
    answer: discardAnswer,
    run: async (context, { body }, request) => {
      const by = request.operator.name;
      const done = await discardDeadLetters(context, body, by);
      context.log.info(
        { event: "dead_letters_discarded", count: done.discarded, by },
        "Dead letters discarded",
      );
      return { ...done, refused: describeRefused(context, request, done.refused) };
    },
  }),
];

function describeRefused(
  context: ApiContext,
  request: FastifyRequest,
  refused: readonly Refused[],
): ReplayAnswer["refused"] {
  return refused.map(({ id, code, hint }) => ({
    id,
    code,
    message: describeError(context, request, code, hint),
  }));
}
