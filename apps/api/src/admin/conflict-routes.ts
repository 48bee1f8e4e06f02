import { type ConflictView, conflictQuery, conflictResolution } from "@rollcall/contracts";
import { listConflicts } from "@rollcall/db";
import { askPostgres, resolveConflict } from "@rollcall/sync";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ApiContext } from "../context.ts";
import { readInput } from "./read-input.ts";

const conflictParams = z.object({ id: z.coerce.number().int().positive() });

export function registerConflictRoutes(scope: FastifyInstance, context: ApiContext): void {
  scope.get("/conflicts", async (request): Promise<{ items: ConflictView[]; nextCursor: string | null }> => {
    const { state, cursor, limit } = readInput(conflictQuery, request.query);
    const items = await askPostgres(listConflicts(context.pool, { state, beforeId: cursor, limit }));
    const last = items.at(-1);
    return { items, nextCursor: last && items.length === limit ? String(last.id) : null };
  });

  scope.post("/conflicts/:id/resolve", async (request, reply) => {
    const { id } = readInput(conflictParams, request.params);
    const resolution = readInput(conflictResolution, request.body);
    const { sessionCache } = context.ensure;
    await resolveConflict(
      { pool: context.pool, sessionCache, queue: context.producers.sync },
      id,
      resolution,
      context.config.ADMIN_USERNAME,
    );
    return reply.code(204).send();
  });
}
