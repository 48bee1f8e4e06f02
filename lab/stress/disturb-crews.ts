import { setTimeout as sleep } from "node:timers/promises";
import type { Crew, Fault } from "./crew.ts";
import { drawBetween, type Random } from "./random.ts";

/** What befalls a crew's processes, each as often as it stands here. */
export const workerFaults: readonly Fault[] = [
  "kill -9",
  "kill -9",
  "graceful close",
  "graceful close",
  "freeze",
];
export const producerFaults: readonly Fault[] = ["kill -9", "graceful close"];

/** How often each fault struck. */
export type FaultCounts = Partial<Record<Fault, number>>;

/**
 * Faults one process of a crew after another until told to stop. A injectFault is over when its victim, or the one
 * in its place, is at work, so that on a busy machine some work is done between them. Only a frozen one is not
 * waited for, so that others are struck meanwhile.
 */
export async function disturbCrew(
  crew: Crew,
  size: number,
  faults: readonly Fault[],
  random: Random,
  stop: AbortSignal,
): Promise<FaultCounts> {
  const counts: FaultCounts = {};
  const thaws: Promise<void>[] = [];
  for (;;) {
    await sleep(drawBetween(random, 300, 1_500));
    if (stop.aborted) break;
    const fault = faults[Math.floor(random() * faults.length)];
    if (!fault) continue;
    const struck = crew.injectFault(fault, Math.floor(random() * size));
    if (fault === "freeze") thaws.push(struck);
    else await struck;
    counts[fault] = (counts[fault] ?? 0) + 1;
  }
  await Promise.all(thaws);
  return counts;
}
