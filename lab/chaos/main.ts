import { parseArgs } from "node:util";
import { mostQueueShards } from "@rollcall/contracts";
import { findRedisServer } from "@rollcall/local-services";
import { z } from "zod";
import { repository } from "../stage/repository.ts";
import { appNames } from "./apps.ts";
import { runMutants } from "./mutants/run-mutants.ts";
import { faultKinds } from "./plan/draw-faults.ts";
import { drawPlan, type Emphasis } from "./plan/draw-plan.ts";
import { setups } from "./plan/plan.ts";
import { printPlan } from "./report.ts";
import { runSeeds } from "./run-seeds.ts";
import { describeRuns } from "./series/describe-runs.ts";
import { readRuns } from "./series/run-record.ts";
import { runSoak } from "./soak/run-soak.ts";

const usage = `npm run chaos -- [--seed N | --seeds A-B] [--events N] [--backend redis|postgres] [--shards N] [--mapping NAME] [--setup NAME] [--root DIR] [--no-faults] [--print]
  --seed, --seeds   the plans to run, one after the other; a random one by default
  --events          acts in a plan: 600
  --backend         the queues' service: redis
  --shards          QUEUE_SHARDS of one of two apis: 1. The other processes keep 1, as during a rolling deploy
  --mapping         the app's tables: default (users and mentorados), clerk-id (the key is the Clerk id, no profiles),
                    prisma ("User" and "Profile" with keys and times of Prisma), organizations (default, and organizations)
  --setup           what stands behind Postgres' and Redis' addresses: single (one server each), replica (Postgres fails over
                    to an asynchronous replica), sync-replica. The seed decides by default
  --root            the folder of the built apps: this one
  --other-root      the folder of a second build: api1 and worker1 are of that one, throughout
  --record FILE     appends each run to a file, and leaves out runs that are in it for this commit
  --any-commit      leaves out runs that are in the file for another commit too
  --shorten N       after a failed seed, runs up to N shorter plans in search of the shortest that fails: 12
  --report FILE     prints the table of a file of runs
  --more KIND,…     draws these kinds of faults ten times as often
  --no-faults       injects no faults; deliveries are still lost, doubled and late
  --keep            keeps logs and data of every run, not only of a failed one
  --print           prints the plan and runs nothing
  --soak 30m        a steady load without faults, measured for this time: memory and connections must not grow
  --rate            events a second of the soak: 100
  --warm-up         time before the measurement of a soak: 20m
  --mutants         runs each mutant, which must break its invariant within five seeds, or fail its test
  --mutant A,B      runs mutants of these names`;

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
/** `90s`, `30m` or `2h`, as milliseconds. */
const duration = z
  .string()
  .regex(/^\d+[smh]$/)
  .transform((given) => Number.parseInt(given, 10) * unitsMs[z.enum(["s", "m", "h"]).parse(given.slice(-1))]);

const options = z.object({
  seeds: z
    .string()
    .regex(/^\d+(-\d+)?$/)
    .default(() => String(Date.now() % 1_000_000)),
  events: z.coerce.number().int().positive().default(600),
  backend: z.enum(["redis", "postgres"]).default("redis"),
  shards: z.coerce.number().int().min(1).max(mostQueueShards).default(1),
  mapping: z.enum(appNames).default("default"),
  setup: z.enum(setups).optional(),
  root: z.string().default(repository),
  "other-root": z.string().optional(),
  record: z.string().optional(),
  "any-commit": z.boolean().default(false),
  shorten: z.coerce.number().int().nonnegative().default(12),
  report: z.string().optional(),
  more: z.string().optional(),
  "no-faults": z.boolean().default(false),
  keep: z.boolean().default(false),
  print: z.boolean().default(false),
  soak: duration.optional(),
  rate: z.coerce.number().positive().default(100),
  "warm-up": duration.default(1_200_000),
  mutants: z.boolean().default(false),
  mutant: z.string().optional(),
});

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => interruption.abort());

try {
  const { values } = parseArgs({
    options: {
      seed: text,
      seeds: text,
      events: text,
      backend: text,
      shards: text,
      mapping: text,
      setup: text,
      root: text,
      "other-root": text,
      record: text,
      "any-commit": flag,
      shorten: text,
      report: text,
      more: text,
      "no-faults": flag,
      keep: flag,
      print: flag,
      soak: text,
      rate: text,
      "warm-up": text,
      mutants: flag,
      mutant: text,
    },
  });
  const { seed, ...others } = values;
  process.exitCode = await run(options.parse(seed === undefined ? others : { ...others, seeds: seed }));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n${usage}\n`);
  // An interrupted run may still have timers.
  process.exit(2);
}

function emphasize(kinds: readonly string[]): Emphasis {
  const unknown = kinds.find((kind) => !faultKinds.includes(kind));
  if (unknown !== undefined) throw new Error(`There is no fault ${unknown}: ${faultKinds.join(", ")}`);
  return { faults: Object.fromEntries(kinds.map((kind) => [kind, 10])) };
}

/** @returns the exit code: 1 if an invariant was broken */
async function run(chosen: z.infer<typeof options>): Promise<number> {
  const [first = 0, last = first] = chosen.seeds.split("-").map(Number);
  const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const { events, backend, shards, mapping: app, setup, root } = chosen;
  const say = (line: string) => process.stdout.write(`${line}\n`);
  if (chosen.report !== undefined) {
    say(describeRuns(readRuns(chosen.report)));
    return 0;
  }
  if (shards > 1 && backend !== "redis") throw new Error("Only queues on Redis have shards");
  const faults = !chosen["no-faults"];
  const emphasis = chosen.more === undefined ? undefined : emphasize(chosen.more.split(","));
  const plans = seeds.map((seed) =>
    drawPlan({ seed, events, backend, shards, app, setup, faults, emphasis }),
  );
  if (chosen.print) {
    for (const plan of plans) printPlan(plan, say);
    return 0;
  }
  const redisBinary = findRedisServer(process.env["PATH"]);
  if (chosen.mutants || chosen.mutant !== undefined) {
    return (await runMutants({ events, backend, app, redisBinary, only: chosen.mutant?.split(","), say })) ===
      0
      ? 0
      : 1;
  }
  const { signal } = interruption;
  if (chosen.soak !== undefined) {
    const { soak: forMs, "warm-up": warmUpMs, rate, keep } = chosen;
    const [seed = 0] = seeds;
    const soak = { seed, backend, app, root, redisBinary, forMs, warmUpMs, rate, keep, signal, say };
    return (await runSoak(soak)) === 0 ? 0 : 1;
  }
  const failures = await runSeeds({
    plans,
    events,
    app,
    root,
    otherRoot: chosen["other-root"],
    redisBinary,
    record: chosen.record,
    anyCommit: chosen["any-commit"],
    shorten: chosen.shorten,
    keep: chosen.keep,
    signal,
    say,
  });
  return failures === 0 ? 0 : 1;
}
