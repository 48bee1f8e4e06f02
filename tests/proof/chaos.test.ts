import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, inject, test } from "vitest";
import type { AppName } from "../../lab/chaos/apps.ts";
import { drawPlan } from "../../lab/chaos/plan/draw-plan.ts";
import { fitSlopePerHour, takeFloors } from "../../lab/chaos/soak/slope.ts";
import type { Backend } from "../harness/backends.ts";
import { makeProcessFolder } from "../harness/process.ts";

// More events and other seeds: npm run chaos -- --backend redis --seeds 1-10 --events 2000 [--mapping prisma]
const events = "600";
const seeds = { redis: "1", postgres: "1" } as const satisfies Record<Backend, string>;
const anyBackend: Backend = inject("redisBinary") ? "redis" : "postgres";
const shardsOfOne =
  anyBackend === "redis" ? ["--backend", anyBackend, "--shards", "2"] : ["--backend", anyBackend];
/** Slack for a busy machine. The invariants of the run itself limit how long each step may take. */
const timeoutMs = 900_000;

const program = fileURLToPath(new URL("../../lab/chaos/main.ts", import.meta.url));

for (const backend of ["redis", "postgres"] as const) {
  const isMissing = backend === "redis" && !inject("redisBinary");
  test.skipIf(isMissing)(
    `every invariant holds in chaos with queues on ${backend}${isMissing ? " (skipped: no redis-server on PATH)" : ""}`,
    () => runChaos(["--backend", backend, "--seeds", seeds[backend], "--events", events]),
    timeoutMs,
  );
}

// An app with profiles in tables of its own has every act of chaos. Runs of other apps: lab/README.md.
test(
  `every invariant holds in chaos with the tables of an app of Prisma${anyBackend === "redis" ? ", and two shards" : ""}`,
  () => runChaos([...shardsOfOne, "--mapping", "prisma", "--seeds", "2", "--events", "200"]),
  timeoutMs,
);

/** Runs the chaos in a process of its own, so that no other test delays its event loop. */
async function runChaos(args: readonly string[]): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      "--conditions=@rollcall/source",
      "--import",
      import.meta.resolve("tsx"),
      program,
      ...args,
      // Shorter plans would take longer than the test may.
      ...["--shorten", "0"],
    ],
    { cwd: makeProcessFolder(), stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(output);
}

test("a seed always draws the same chaos, and another seed draws another one", () => {
  const options = { events: 600, backend: "redis", app: "default" } as const;
  const draw = (seed: number) => drawPlan({ ...options, seed, faults: true });
  expect(draw(7)).toEqual(draw(7));
  expect(draw(8)).not.toEqual(draw(7));
  expect(drawPlan({ ...options, seed: 7, faults: false }).acts).toEqual(draw(7).acts);
});

test("only an app whose profiles are linked by email invites people, and any other app has the acts of the default", () => {
  const draw = (app: AppName) => drawPlan({ seed: 7, events: 600, backend: "redis", faults: true, app }).acts;
  expect(draw("clerk-id")).toEqual(draw("default"));
  expect(draw("default").filter(({ act }) => act === "invite")).toEqual([]);
  const acts = draw("prisma");
  const invited = acts.flatMap((one) => (one.act === "invite" ? [one.user] : []));
  const signUps = acts.flatMap((one) =>
    one.act === "sign-up" && invited.includes(one.user) ? [one.isVerified] : [],
  );
  expect(new Set(signUps)).toEqual(new Set([true, false]));
});

test("a soak's slope is that of each minute's floor, and ignores memory that waits for garbage collection", () => {
  const everyMs = 10_000;
  const sawtooth = Array.from({ length: 60 }, (_, index) => ({
    atMs: index * everyMs,
    value: 100 + (index % 6) * 5 + (index * everyMs) / 1_800_000,
  }));
  expect(takeFloors(sawtooth)).toHaveLength(10);
  expect(fitSlopePerHour(takeFloors(sawtooth))).toBeCloseTo(2);
  expect(fitSlopePerHour([{ atMs: 0, value: 1 }])).toBeUndefined();
});
