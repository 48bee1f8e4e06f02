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
import { listDeadLetters, viewDeadLetter } from "@rollcall/jobs";
import {
  countDeadLetters,
  type DeadLetterContext,
  discardDeadLetters,
  type Refused,
  replayDeadLetters,
} from "@rollcall/sync";
import type { FastifyRequest } from "fastify";
import type { ApiContext } from "../context.ts";
import { sayError } from "../error-answers.ts";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

/** Ids of 500 dead letters may be longer than what the other routes take. */
const bodyLimit = 256 * 1024;

export const deadLetterRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/dead-letters",
    summary:
      "Jobs that cannot succeed, newest first. A page of one code may be short and still have a next one.",
    query: deadLetterQuery,
    answer: listOf(deadLetterView),
    run: async ({ producers }, { query }) => {
      const { items, nextCursor } = await listDeadLetters(producers["dead-letter"], query);
      return { items: items.map(viewDeadLetter), nextCursor };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/dead-letters/codes",
    summary: "How many dead letters there are of each error code, the most first.",
    answer: listOf(deadLetterCount),
    run: async ({ backend }) => {
      const items = await countDeadLetters(backend);
      return { items: items.filter(({ count }) => count > 0), nextCursor: null };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/dead-letters/replay",
    summary: "Does some, those of one code, or all again, at most 500 a call; `more` says to call again.",
    body: replayRequest,
    bodyLimit,
    answer: replayAnswer,
    run: async (context, { body }, request) => {
      const by = context.config.ADMIN_USERNAME;
      const done = await replayDeadLetters(toLetters(context), body, by);
      context.log.info({ event: "dead_letters_replayed", count: done.replayed, by }, "Dead letters replayed");
      return { ...done, refused: say(context, request, done.refused) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/dead-letters/discard",
    summary: "Gives some up for good; the reason is kept in the timeline.",
    body: discardRequest,
    bodyLimit,
    answer: discardAnswer,
    run: async (context, { body }, request) => {
      const by = context.config.ADMIN_USERNAME;
      const done = await discardDeadLetters(toLetters(context), body, by);
      context.log.info(
        { event: "dead_letters_discarded", count: done.discarded, by },
        "Dead letters given up",
      );
      return { ...done, refused: say(context, request, done.refused) };
    },
  }),
];

function toLetters({ pool, producers }: ApiContext): DeadLetterContext {
  return { pool, deadLetters: producers["dead-letter"], producers };
}

function say(
  context: ApiContext,
  request: FastifyRequest,
  refused: readonly Refused[],
): ReplayAnswer["refused"] {
  return refused.map(({ id, code }) => ({ id, code, message: sayError(context, request, code) }));
}
