import {
  AppError,
  type ConflictView,
  clerkUserId,
  conflictQuery,
  conflictResolution,
  type UserReport,
} from "@rollcall/contracts";
import { listConflicts } from "@rollcall/db";
import { askPostgres, explainUser, resolveConflict } from "@rollcall/sync";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ApiContext } from "./context.ts";

const conflictParams = z.object({ id: z.coerce.number().int().positive() });
const userParams = z.object({ clerkId: clerkUserId });

/** The JSON behind `/api/admin`; who is asking was checked by the guard before. */
export function registerAdminRoutes(scope: FastifyInstance, context: ApiContext): void {
  scope.get("/conflicts", async (request): Promise<{ items: ConflictView[]; nextCursor: string | null }> => {
    const { state, cursor, limit } = read(conflictQuery, request.query);
    const items = await askPostgres(listConflicts(context.pool, { state, beforeId: cursor, limit }));
    const last = items.at(-1);
    return { items, nextCursor: last && items.length === limit ? String(last.id) : null };
  });

  scope.post("/conflicts/:id/resolve", async (request, reply) => {
    const { id } = read(conflictParams, request.params);
    const resolution = read(conflictResolution, request.body);
    const { sessionCache } = context.ensure;
    await resolveConflict(
      { pool: context.pool, sessionCache, queue: context.producers.sync },
      id,
      resolution,
      context.config.ADMIN_USERNAME,
    );
    return reply.code(204).send();
  });

  scope.get("/users/:clerkId", async (request): Promise<UserReport> => {
    const { clerkId } = read(userParams, request.params);
    const report = await explainUser(context.explain, clerkId);
    if (!report) throw new AppError("user.unknown", "Neither Clerk nor we know the id");
    return report;
  });
}

/** @throws AppError `request.malformed` that names the fields, never their values */
function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw new AppError("request.malformed", "Admin input", { hint: problems.join("; ") });
}
