import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { controlArguments } from "./arguments.ts";
import type { ClerkControl, ClerkSimulatorInfo } from "./control.ts";

const requestSchema = z.object({ group: z.string(), operation: z.string() });

/** Operations that change nothing. */
const reads: ReadonlySet<string> = new Set([
  ...[
    "users.count",
    "users.list",
    "organizations.count",
    "organizations.list",
    "memberships.count",
    "memberships.list",
    "webhooks.settings",
    "webhooks.disturbance",
    "webhooks.list",
    "webhooks.totals",
  ],
  ...["faults.list", "requests.list", "requests.totals", "requests.windows", "history.list"],
]);

/**
 * The control over HTTP, for other processes. `POST /__sim/users/create` with the arguments as a JSON array answers
 * `{"result": …}`, or 400 with `{"error": text}`. A POST must have the JSON content type, which a form of a foreign page
 * cannot have. Only operations that change nothing also accept GET. These routes have no key, no rate limit and no faults,
 * because the server listens only on the loopback address and refuses foreign pages.
 */
export function registerControl(
  app: FastifyInstance,
  control: ClerkControl,
  info: () => ClerkSimulatorInfo,
): void {
  const operations = listOperations(control);

  app.get("/__sim/info", async (_request, reply) => {
    return reply.send({ ...info(), webhook: await control.webhooks.settings() });
  });
  app.route({
    method: ["GET", "POST"],
    url: "/__sim/:group/:operation",
    async handler(request, reply) {
      const { group, operation } = requestSchema.parse(request.params);
      const run = operations.get(`${group}.${operation}`);
      if (run === undefined) return reply.code(404).send({ error: `there is no ${group}.${operation}` });
      // Fastify routes HEAD like GET.
      if (request.method !== "POST" && !reads.has(`${group}.${operation}`))
        return reply
          .code(405)
          .header("allow", "POST")
          .send({ error: `${group}.${operation} needs POST` });
      if (request.method === "POST" && !isJson(request.headers["content-type"]))
        return reply.code(415).send({ error: "the content type must be application/json" });
      try {
        return await reply.send({ result: await run(request.body ?? []) });
      } catch (error) {
        return reply.code(400).send({ error: error instanceof Error ? error.message : String(error) });
      }
    },
  });
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(";")[0]?.trim().toLowerCase() === "application/json";
}

type ReadyOperation = (args: unknown) => unknown;

function listOperations(control: ClerkControl): Map<string, ReadyOperation> {
  const operations = new Map<string, ReadyOperation>();
  for (const [group, schemas] of Object.entries(controlArguments)) {
    // The type of controlArguments guarantees the same groups and operations as in the control.
    const functions = control[group as keyof ClerkControl] as Record<string, (...args: unknown[]) => unknown>;
    for (const [name, schema] of Object.entries<z.ZodType<unknown[]>>(schemas)) {
      operations.set(`${group}.${name}`, (args) => functions[name]?.(...schema.parse(args)));
    }
  }
  return operations;
}
