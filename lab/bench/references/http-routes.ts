import { fastify } from "fastify";
import { Redis } from "ioredis";
import pg from "pg";
import { Webhook } from "svix";
import { z } from "zod";
import { upsertUser } from "./upsert-user.ts";

const options = z
  .object({
    redisUrl: z.string(),
    databaseUrl: z.string(),
    webhookSecret: z.string(),
    ensureAnswer: z.unknown(),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));

const redis = new Redis(options.redisUrl);
const pool = new pg.Pool({ connectionString: options.databaseUrl, max: 20 });
const webhook = new Webhook(options.webhookSecret);
const event = z.object({ data: z.unknown() });

const app = fastify({ logger: false });

app.post("/bare/webhook", async (request) => ({ status: "accepted", id: request.headers["svix-id"] }));

app.post("/bare/ensure", async (_request, reply) => {
  await redis.get("rollcall:session:bench");
  return reply
    .header("access-control-allow-origin", "http://localhost:5173")
    .header("access-control-expose-headers", "retry-after")
    .header("vary", "Origin")
    .send(options.ensureAnswer);
});

// The way of Clerk's guide to syncing: verify, then write the row, then answer.
app.register(async (scope) => {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) =>
    done(null, body),
  );
  scope.post("/inline/webhook", async (request) => {
    const headers = Object.fromEntries(
      ["svix-id", "svix-timestamp", "svix-signature"].map((name) => [name, String(request.headers[name])]),
    );
    const { data } = event.parse(webhook.verify(String(request.body), headers));
    await upsertUser(pool, data);
    return { status: "accepted", id: headers["svix-id"] };
  });
});

const url = await app.listen({ host: "127.0.0.1", port: 0 });
process.send?.({ url });
