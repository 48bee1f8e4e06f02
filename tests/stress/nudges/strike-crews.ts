import { setTimeout as sleep } from "node:timers/promises";
import type { Crew, Fault } from "./crew.ts";
import { drawBetween, type Random } from "./random.ts";

type Strike = { crew: "producer" | "worker"; fault: Fault };

/** Workers hold jobs, so most faults are theirs. */
const strikes: readonly Strike[] = [
  { crew: "worker", fault: "kill -9" },
  { crew: "worker", fault: "kill -9" },
  { crew: "worker", fault: "graceful close" },
  { crew: "worker", fault: "graceful close" },
  { crew: "worker", fault: "freeze" },
  { crew: "producer", fault: "kill -9" },
  { crew: "producer", fault: "graceful close" },
];

/** How often each fault struck, as "worker kill -9". */
export type StrikeCounts = Record<string, number>;

/** Strikes one process after another until told to stop. A new one starts in about a second, hence the pause. */
export async function strikeCrews(
  crews: Record<Strike["crew"], Crew>,
  size: number,
  random: Random,
  stop: AbortSignal,
): Promise<StrikeCounts> {
  const counts: StrikeCounts = {};
  for (;;) {
    await sleep(drawBetween(random, 500, 1_500));
    if (stop.aborted) return counts;
    const strike = strikes[Math.floor(random() * strikes.length)];
    if (!strike) continue;
    await crews[strike.crew].strike(strike.fault, Math.floor(random() * size));
    const name = `${strike.crew} ${strike.fault}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
}
