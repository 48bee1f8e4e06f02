import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "../../stage/postgres.ts";
import { type AppName, apps } from "../apps.ts";
import { drawPlan } from "../plan/draw-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { runChaos } from "../run-chaos.ts";
import { prepareDatabase } from "../run-seeds.ts";
import { buildChanged } from "./build-mutant.ts";
import { type Mutant, mutants } from "./mutants.ts";

type Options = {
  events: number;
  backend: Plan["backend"];
  /** The app of mutants that name none. */
  app: AppName;
  redisBinary: string | undefined;
  /** The name of one mutant. Undefined: all of them. */
  only?: string | undefined;
  say: (line: string) => void;
};

/** If these seeds do not find a guard missing, chaos does not prove the guard. */
const seeds = [1, 2, 3, 4, 5];

/** Runs each mutant until its invariant fails. @returns how many mutants survived */
export async function runMutants({ only, say, ...options }: Options): Promise<number> {
  const chosen = mutants.filter(({ name }) => only === undefined || only === name);
  if (chosen.length === 0) throw new Error(`There is no mutant ${only}`);
  let survivors = 0;
  for (const mutant of chosen) {
    const caught = await catchMutant(mutant, { ...options, say });
    if (caught === undefined) survivors += 1;
    say(`${mutant.name} (${mutant.breaks}): ${caught ?? `SURVIVED ${seeds.length} seeds`}`);
  }
  return survivors;
}

/** @returns the seed and the invariant that caught the mutant; undefined if none did */
async function catchMutant(
  { name, invariant, emphasis, patches, app: ownApp, shards }: Mutant,
  options: Omit<Options, "only">,
): Promise<string | undefined> {
  const { events, backend, redisBinary, say } = options;
  const app = ownApp ?? options.app;
  const { root, remove } = await buildChanged(name, patches);
  const cluster = await startCluster((databaseUrl) => prepareDatabase(root, databaseUrl, apps[app]));
  try {
    for (const seed of seeds) {
      // A working reconcile would repair most of the damage.
      const plan = drawPlan({
        seed,
        events,
        backend,
        shards,
        app,
        setup: "single",
        faults: true,
        emphasis: { reconciles: false, ...emphasis },
      });
      const folder = await mkdtemp(join(tmpdir(), `rollcall-chaos-${name}-${seed}-`));
      const { violations } = await runChaos({ plan, root, folder, cluster, redisBinary });
      await rm(folder, { recursive: true, force: true });
      const broken = new Set(violations.map((violation) => violation.invariant));
      if (broken.has(invariant)) return `caught by seed ${seed} of ${seeds.length}: ${invariant}`;
      say(`  ${name}, seed ${seed}: ${[...broken].join("; ") || "holds"}`);
    }
    return undefined;
  } finally {
    await cluster.stop();
    await remove();
  }
}
