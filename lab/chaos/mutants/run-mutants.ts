import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "../../stage/postgres.ts";
import { drawPlan } from "../plan/draw-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { runChaos } from "../run-chaos.ts";
import { prepareDatabase } from "../run-seeds.ts";
import { buildMutant } from "./build-mutant.ts";
import { type Mutant, type MutantName, mutants } from "./mutants.ts";

type NamedMutant = Mutant & { name: MutantName };

type Options = {
  events: number;
  backend: Plan["backend"];
  redisBinary: string | undefined;
  /** All of them without it. */
  only?: string | undefined;
  say: (line: string) => void;
};

/** A guard whose loss goes unnoticed for longer is not proven by anything. */
const seeds = [1, 2, 3, 4, 5];

/** Runs with each mutant until its invariant fails. @returns how many went unnoticed */
export async function runMutants({ only, say, ...options }: Options): Promise<number> {
  const chosen: NamedMutant[] = mutants.filter(({ name }) => only === undefined || only === name);
  if (chosen.length === 0) throw new Error(`There is no mutant ${only}`);
  let survivors = 0;
  for (const mutant of chosen) {
    const caught = await catchMutant(mutant, { ...options, say });
    if (caught === undefined) survivors += 1;
    say(`${mutant.name} (${mutant.breaks}): ${caught ?? `SURVIVED ${seeds.length} seeds`}`);
  }
  return survivors;
}

/** @returns which invariants caught it and when; undefined when none did */
async function catchMutant(
  { name, invariant, emphasis }: NamedMutant,
  { events, backend, redisBinary, say }: Omit<Options, "only">,
): Promise<string | undefined> {
  const { root, remove } = await buildMutant(name);
  const cluster = await startCluster((databaseUrl) => prepareDatabase(root, databaseUrl));
  try {
    for (const seed of seeds) {
      // A reconcile that works would mend most of what they break.
      const plan = drawPlan({
        seed,
        events,
        backend,
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
