import { readCpuUs } from "./process-usage.ts";

/** What one side did in one round, and what that cost the process under test. */
export type Sample = {
  operations: number;
  cpuUs: number;
  wallMs: number;
  /** Of each operation, where somebody waits for it. */
  latenciesMs?: readonly number[];
};

/** One of the things that a case compares. */
export type Side = {
  name: string;
  /** Does the same work each time. The first time does not count: code is compiled and caches fill. */
  sample(): Promise<Sample>;
};

export type Measured = { name: string; samples: Sample[] };

export type RoundOptions = {
  rounds: number;
  /** No round begins later; at least one is played. */
  budgetMs: number;
  signal: AbortSignal;
  /** Everything was played before, or plays so long that compiling it does not show: the first time counts too. */
  isWarm?: boolean;
};

/** Runs sides in interleaved rounds, forth and back, so that what disturbs the machine disturbs all of them. */
export async function runRounds(sides: readonly Side[], options: RoundOptions): Promise<Measured[]> {
  const { rounds, budgetMs, signal, isWarm = false } = options;
  const measured = sides.map(({ name }) => ({ name, samples: [] as Sample[] }));
  const play = async (index: number, counts: boolean) => {
    signal.throwIfAborted();
    const sample = await sides[index]?.sample();
    if (counts && sample) measured[index]?.samples.push(sample);
  };
  const order = sides.map((_, index) => index);
  if (!isWarm) for (const index of order) await play(index, false);
  const untilMs = Date.now() + budgetMs;
  for (let round = 0; round < rounds && (round === 0 || Date.now() < untilMs); round++) {
    for (const index of order) await play(index, true);
    order.reverse();
  }
  return measured;
}

/** Runs `work`, and says what it cost a process and how long it took. */
export async function measureCost(
  pid: number,
  work: () => Promise<unknown>,
): Promise<{ cpuUs: number; wallMs: number }> {
  const cpuBeforeUs = await readCpuUs(pid);
  const startedAtMs = performance.now();
  await work();
  const wallMs = performance.now() - startedAtMs;
  return { cpuUs: (await readCpuUs(pid)) - cpuBeforeUs, wallMs };
}
