import { type AdminRole, AppError } from "@rollcall/contracts";
import type { Tables } from "@rollcall/db";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { z } from "zod";
import type { ApiContext } from "../context.ts";
import { type AdminRequest, readOperator, requireRole } from "./access/operator.ts";

type Declaration<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType, Answer> = {
  method: "GET" | "POST" | "PATCH";
  /** Below `/api/admin`, e.g. `/conflicts/:id/resolve`. */
  path: string;
  /** The lowest role that may call it. Other callers get 403 before the body is read. */
  role: AdminRole;
  /** One sentence for the OpenAPI document. */
  summary: string;
  params?: Params;
  query?: Query;
  body?: Body;
  /** The schema of the body under another mapping, whose keys may have another type. `body` is that of the default one. */
  bodyUnder?: (tables: Tables) => Body;
  /** Longest body in bytes; the api's own limit by default. */
  bodyLimit?: number;
  /** 200 by default; 204 has no answer. */
  status?: 200 | 202 | 204;
  answer?: z.ZodType<Answer>;
  run(
    context: ApiContext,
    input: { params: z.infer<Params>; query: z.infer<Query>; body: z.infer<Body> },
    request: AdminRequest,
    /** For a route with a second status or a stream. */
    reply: FastifyReply,
  ): Promise<Answer>;
};

/** A route of the admin API: the same entry registers it and documents it. */
export type AdminRoute = {
  method: "GET" | "POST" | "PATCH";
  path: string;
  role: AdminRole;
  summary: string;
  params: z.ZodObject | undefined;
  query: z.ZodObject | undefined;
  body: z.ZodType | undefined;
  status: 200 | 202 | 204;
  answer: z.ZodType | undefined;
  /** Of an answer that is no JSON. */
  contentType?: string;
  register(scope: FastifyInstance, context: ApiContext): void;
};

/** Declares a route. Input that does not match the schemas is answered with `request.malformed`, and `run` gets the rest. */
export function defineRoute<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodUndefined,
  Answer = void,
>(route: Declaration<Params, Query, Body, Answer>): AdminRoute {
  const {
    method,
    path,
    role,
    summary,
    params,
    query,
    body,
    bodyUnder,
    answer,
    status = 200,
    bodyLimit,
  } = route;
  const read = <Schema extends z.ZodType>(schema: Schema | undefined, value: unknown) =>
    // Without a schema the type is that of undefined.
    (schema ? readInput(schema, value) : undefined) as z.infer<Schema>;
  return {
    ...{ method, path, role, summary, params, query, body, answer, status },
    register: (scope, context) => {
      scope.route({
        method,
        url: path,
        ...(bodyLimit === undefined ? {} : { bodyLimit }),
        onRequest: async (request) => requireRole(readOperator(request), role),
        handler: async (request, reply) => {
          const admitted = Object.assign(request, { operator: readOperator(request) });
          const input = {
            params: read(params, request.params),
            query: read(query, request.query),
            body: read(bodyUnder?.(context.pool.tables) ?? body, request.body),
          };
          return reply.code(status).send(await route.run(context, input, admitted, reply));
        },
      });
    },
  };
}

/** @throws AppError `request.malformed` that names fields, never values */
export function readInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw new AppError("request.malformed", "The input does not match the schema", {
    hint: problems.join("; "),
  });
}
