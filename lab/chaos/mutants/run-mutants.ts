import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "../../stage/postgres.ts";
import { type AppName, apps } from "../apps.ts";
import { drawPlan } from "../plan/draw-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { type ChaosOptions, noUnexpectedExit, runChaos } from "../run-chaos.ts";
import { prepareDatabase } from "../run-seeds.ts";
import { buildChanged } from "./build-mutant.ts";
import { type Mutant, mutants } from "./mutants.ts";
import { runTestedMutant } from "./run-tested-mutant.ts";
import { testedMutants } from "./tested-mutants.ts";

type Options = {
  events: number;
  backend: Plan["backend"];
  /** The app of mutants that name none. */
  app: AppName;
  redisBinary: string | undefined;
  /** Names of mutants. Undefined: all of them. */
  only?: readonly string[] | undefined;
  say: (line: string) => void;
};

/** If these seeds do not find a guard missing, chaos does not prove the guard. */
const seeds = [1, 2, 3, 4, 5];

/**
 * Runs each mutant until its invariant fails, or against the test that must fail without its guard.
 *
 * @returns how many mutants survived
 */
export async function runMutants({ only, say, ...options }: Options): Promise<number> {
  const isChosen = ({ name }: { name: string }) => only === undefined || only.includes(name);
  const known = new Set([...mutants, ...testedMutants].map(({ name }) => name));
  for (const name of only ?? []) if (!known.has(name)) throw new Error(`There is no mutant ${name}`);
  const chosen = mutants.filter(isChosen);
  let survivors = 0;
  for (const mutant of testedMutants.filter(isChosen)) {
    const failed = await runTestedMutant(mutant);
    if (failed === undefined) survivors += 1;
    const verdict = failed === undefined ? `SURVIVED ${mutant.test.name}` : `caught by the test "${failed}"`;
    say(`${mutant.name} (${mutant.breaks}): ${verdict}`);
  }
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
    const common = { root, cluster, redisBinary };
    if (!(await works(drawPlan({ seed: 1, events: 40, backend, shards, app, faults: false }), common))) {
      say(`  ${name} does not work while nothing fails, so a broken invariant would prove nothing`);
      return undefined;
    }
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
      const { violations } = await runChaos({ ...common, plan, folder });
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

/** Whether the mutant's processes run, and users get their rows, while deliveries alone go wrong. */
async function works(
  plan: Plan,
  options: Pick<ChaosOptions, "root" | "cluster" | "redisBinary">,
): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-chaos-works-"));
  try {
    const { violations, ledger } = await runChaos({ ...options, plan, folder });
    const hasExited = violations.some(({ invariant }) => invariant === noUnexpectedExit);
    return !hasExited && ledger.calls.some(({ route, status }) => route === "ensure" && status === 200);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
