import type { ProcessName } from "../plan/plan.ts";
import type { Memory, Sample } from "./samples.ts";
import { fitSlopePerHour, takeFloors } from "./slope.ts";

export type Verdict = { line: string; holds: boolean };

const megabyte = 1_048_576;
const steepestMbPerHour = 1;
/** By chance, a pool opens a few more connections. A leak opens one after the other. */
const moreConnections = 2;
const names = ["api0", "api1", "worker0", "worker1"] as const satisfies readonly ProcessName[];

/** Checks each process, from the samples after the warm-up. */
export function checkSamples(samples: readonly Sample[]): Verdict[] {
  return [
    ...names.flatMap((name) => [checkMemory(name, "live", samples), checkMemory(name, "resident", samples)]),
    ...names.map((name) => checkConnections(name, samples)),
    describeQueues(samples),
  ];
}

function checkMemory(name: ProcessName, kind: keyof Memory, samples: readonly Sample[]): Verdict {
  const points = samples.map(({ atMs, memory }) => ({ atMs, value: memory[name][kind] / megabyte }));
  const floors = takeFloors(points);
  const slope = fitSlopePerHour(floors);
  const ends = `${floors[0]?.value.toFixed(1)} to ${floors.at(-1)?.value.toFixed(1)} MB in ${floors.length} minutes`;
  if (slope === undefined)
    return { line: `${name}: too few samples for the growth of ${kind} memory; ${ends}`, holds: false };
  const holds = slope < steepestMbPerHour;
  return {
    line: `${name}: ${kind} memory ${holds ? "holds" : "GROWS"}, ${slope.toFixed(2)} MB/h; ${ends}`,
    holds,
  };
}

function checkConnections(name: ProcessName, samples: readonly Sample[]): Verdict {
  const counts = samples.map(({ connections }) => connections[name]);
  const quarter = Math.ceil(counts.length / 4);
  const first = Math.max(...counts.slice(0, quarter));
  const last = takeMedian(counts.slice(-quarter));
  const holds = last <= first + moreConnections;
  return {
    line: `${name}: ${holds ? "holds" : "GROWS"}, up to ${first} connections to Postgres at first, ${last} at last`,
    holds,
  };
}

function takeMedian(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Without a limit: finished jobs are kept for an hour, and at most a thousand of them. */
function describeQueues(samples: readonly Sample[]): Verdict {
  const sizes = samples.map(({ queueBytes }) => (queueBytes / megabyte).toFixed(1));
  const highest = Math.max(...samples.map(({ queueBytes }) => queueBytes / megabyte)).toFixed(1);
  return { line: `queues: ${sizes[0]} to ${sizes.at(-1)} MB, at most ${highest} MB`, holds: true };
}
