import {
  type DeadLetterView,
  type DiscardAnswer,
  deadLetterQuery,
  discardRequest,
  type ReplayAnswer,
  replayRequest,
} from "@rollcall/contracts";
import { listDeadLetters, viewDeadLetter } from "@rollcall/jobs";
import { type DeadLetterContext, discardDeadLetters, type Refused, replayDeadLetters } from "@rollcall/sync";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiContext } from "../context.ts";
import { sayError } from "../error-answers.ts";
import { readInput } from "./read-input.ts";

/** Ids of 500 dead letters may be longer than what the other routes take. */
const bodyLimit = 256 * 1024;

export function registerDeadLetterRoutes(scope: FastifyInstance, context: ApiContext): void {
  const { pool, producers, log, config } = context;
  const deadLetters = producers["dead-letter"];
  const letters: DeadLetterContext = { pool, deadLetters, producers };
  const by = config.ADMIN_USERNAME;

  scope.get(
    "/dead-letters",
    async (request): Promise<{ items: DeadLetterView[]; nextCursor: string | null }> => {
      const { items, nextCursor } = await listDeadLetters(
        deadLetters,
        readInput(deadLetterQuery, request.query),
      );
      return { items: items.map(viewDeadLetter), nextCursor };
    },
  );

  scope.post("/dead-letters/replay", { bodyLimit }, async (request): Promise<ReplayAnswer> => {
    const done = await replayDeadLetters(letters, readInput(replayRequest, request.body), by);
    log.info({ event: "dead_letters_replayed", count: done.replayed, by }, "Dead letters replayed");
    return { ...done, refused: say(request, done.refused) };
  });

  scope.post("/dead-letters/discard", { bodyLimit }, async (request): Promise<DiscardAnswer> => {
    const done = await discardDeadLetters(letters, readInput(discardRequest, request.body), by);
    log.info({ event: "dead_letters_discarded", count: done.discarded, by }, "Dead letters discarded");
    return { ...done, refused: say(request, done.refused) };
  });

  function say(request: FastifyRequest, refused: readonly Refused[]): ReplayAnswer["refused"] {
    return refused.map(({ id, code }) => ({ id, code, message: sayError(context, request, code) }));
  }
}
