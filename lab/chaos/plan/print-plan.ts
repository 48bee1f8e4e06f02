import { describeFault } from "../perform/inject-fault.ts";
import type { Plan } from "./plan.ts";

/** A line for each act and each fault, in the order of their times. */
export function printPlan(
  { seed, backend, safetyMs, acts, faults }: Plan,
  say: (line: string) => void,
): void {
  say(`seed ${seed} on ${backend}: ${acts.length} events and ${faults.length} faults in ${safetyMs} ms`);
  const lines = [
    ...acts.map(({ atMs, ...act }) => ({
      atMs,
      line: `${String(atMs).padStart(6)} ms  ${JSON.stringify(act)}`,
    })),
    ...faults.map((fault) => ({ atMs: fault.atMs, line: `${describeFault(fault)}  <-- fault` })),
  ];
  for (const { line } of lines.sort((a, b) => a.atMs - b.atMs)) say(line);
}
