import { errorBody } from "@rollcall/contracts";
import { z } from "zod";
import type { AdminRoute } from "./admin-route.ts";

/** The admin API as an OpenAPI 3.1 document, made from the schemas that validate input. */
export function describeAdminApi(routes: readonly AdminRoute[], prefix: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `${prefix}${route.path.replaceAll(/:(\w+)/g, "{$1}")}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Rollcall admin API", version: "1" },
    security: [{ basic: [] }],
    paths,
    components: {
      securitySchemes: { basic: { type: "http", scheme: "basic" } },
      schemas: { Error: toSchema(errorBody, "output") },
    },
  };
}

function describeRoute({ summary, params, query, body, status, answer, contentType }: AdminRoute) {
  return {
    summary,
    parameters: [...describeParameters(params, "path"), ...describeParameters(query, "query")],
    ...(body && {
      requestBody: { required: !body.safeParse({}).success, content: json(toSchema(body, "input")) },
    }),
    responses: {
      [status]: {
        description: status === 202 ? "Accepted" : "Done",
        ...(answer && { content: json(toSchema(answer, "output")) }),
        ...(contentType && { content: { [contentType]: { schema: { type: "string" } } } }),
      },
      default: {
        description: "An error: a code, which the runbook explains, and a sentence for people",
        content: json({ $ref: "#/components/schemas/Error" }),
      },
    },
  };
}

function describeParameters(schema: z.ZodObject | undefined, place: "path" | "query") {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: place,
    required: place === "path",
    schema: toSchema(field, "input"),
  }));
}

/** @param io `input`: before defaults and conversions; `output`: after them */
function toSchema(schema: z.core.$ZodType, io: "input" | "output") {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}

function json(schema: unknown) {
  return { "application/json": { schema } };
}
