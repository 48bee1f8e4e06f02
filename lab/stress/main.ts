import { parseArgs } from "node:util";
import { migrateQueues } from "@rollcall/jobs";
import { findRedisServer, startRedis, startTemporaryPostgres } from "@rollcall/local-services";
import pg from "pg";
import { z } from "zod";
import { queueing } from "./plan.ts";
import { runStress } from "./run-stress.ts";

const usage =
  "stress [--backend redis|postgres] [--adds N] [--seed N] [--queueing production|id-only|job-id] [--rate adds/s] [--faster N]";

const optionSchema = z.object({
  backend: z.enum(["redis", "postgres"]).default("redis"),
  adds: z.coerce.number().int().positive().default(50_000),
  seed: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(() => Date.now() % 1_000_000),
  queueing: queueing.default("production"),
  rate: z.coerce.number().positive().default(400),
  /** At 10, a lock lasts 1.5 s. On a busy machine, jobs then lose their locks before they end, and run again. */
  faster: z.coerce.number().positive().default(3),
});

const text = { type: "string" } as const;

try {
  const { values } = parseArgs({
    options: { backend: text, adds: text, seed: text, queueing: text, rate: text, faster: text },
  });
  process.exitCode = await stress(optionSchema.parse(values));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n${usage}\n`);
  process.exitCode = 2;
}

/** @returns the exit code: 1 if there are violations */
async function stress({ rate, ...options }: z.infer<typeof optionSchema>): Promise<number> {
  process.stdout.write(`seed ${options.seed}, ${options.adds} adds on ${options.backend}\n`);
  const server = await startServer(options.backend);
  const startedAtMs = Date.now();
  try {
    const { violations, lost, ...report } = await runStress({
      ...options,
      addsPerSecond: rate,
      url: server.url,
    });
    const seconds = Math.round((Date.now() - startedAtMs) / 1_000);
    const summary = {
      seed: options.seed,
      seconds,
      ...report,
      lost: lost.length,
      violations: violations.length,
    };
    process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    for (const violation of violations.slice(0, 50)) process.stdout.write(`${violation}\n`);
    return violations.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

/** Starts a server for this run alone. */
async function startServer(backend: "redis" | "postgres") {
  if (backend === "redis") {
    const binary = findRedisServer(process.env["PATH"]);
    if (!binary) throw new Error("No redis-server or valkey-server on PATH");
    return startRedis({ binary });
  }
  const server = await startTemporaryPostgres();
  const pool = new pg.Pool({ connectionString: server.url });
  await migrateQueues(pool);
  await pool.end();
  return server;
}
