import { readCpuUs } from "../stage/process-usage.ts";

/** The operations of one side in one round, and their cost for the process under test. */
export type Sample = {
  operations: number;
  cpuUs: number;
  wallMs: number;
  /** CPU time of other processes that the operations need; microseconds. */
  besideUs?: Readonly<Record<string, number>>;
  /** The latency of each operation, if a caller waits for it. */
  latenciesMs?: readonly number[];
};

/** One side of a comparison. */
export type Side = {
  name: string;
  /** Does the same work each time. The first time is a warm-up: code is compiled and caches fill. */
  sample(): Promise<Sample>;
};

export type Measured = { name: string; samples: Sample[] };

export type RoundOptions = {
  rounds: number;
  /** No round begins later. One round always runs. */
  budgetMs: number;
  signal: AbortSignal;
  /** true: no warm-up, because everything ran before, or runs so long that compilation does not matter. */
  isWarm?: boolean;
};

/** Runs the sides in turns, in alternating order, so that other load on the machine affects all of them. */
export async function runRounds(sides: readonly Side[], options: RoundOptions): Promise<Measured[]> {
  const { rounds, budgetMs, signal, isWarm = false } = options;
  const measured = sides.map(({ name }) => ({ name, samples: [] as Sample[] }));
  const run = async (index: number, counts: boolean) => {
    signal.throwIfAborted();
    const sample = await sides[index]?.sample();
    if (counts && sample) measured[index]?.samples.push(sample);
  };
  const order = sides.map((_, index) => index);
  if (!isWarm) for (const index of order) await run(index, false);
  const untilMs = Date.now() + budgetMs;
  for (let round = 0; round < rounds && (round === 0 || Date.now() < untilMs); round++) {
    for (const index of order) await run(index, true);
    order.reverse();
  }
  return measured;
}

/** Runs `work`, and measures a process' CPU time and the duration. */
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

/** The same, with the CPU time of other processes. Each is read by its function. */
export async function measureCosts(
  pid: number,
  beside: Readonly<Record<string, () => Promise<number>>>,
  work: () => Promise<unknown>,
): Promise<Pick<Sample, "cpuUs" | "wallMs" | "besideUs">> {
  const read = () => Promise.all(Object.values(beside).map((one) => one()));
  const before = await read();
  const cost = await measureCost(pid, work);
  const after = await read();
  const us = Object.keys(beside).map((name, index) => [name, (after[index] ?? 0) - (before[index] ?? 0)]);
  return { ...cost, besideUs: Object.fromEntries(us) };
}
