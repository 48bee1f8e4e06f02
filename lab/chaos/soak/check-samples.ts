import type { ProcessName } from "../plan/plan.ts";
import type { Memory, Sample } from "./samples.ts";
import { fitSlopePerHour, takeFloors } from "./slope.ts";

export type Verdict = { line: string; holds: boolean };

const megabyte = 1_048_576;
const steepestMbPerHour = 1;
/**
 * Caches and compiled code still fill in a short measurement, and a table grows by whole pages. It then finds a leak of 100
 * bytes an event.
 */
const shortMs = 30 * 60_000;
const steepestBytesPerEvent = 100;
/** By chance, a pool opens a few more connections. A leak opens one after the other. */
const moreConnections = 2;
const names = ["api0", "api1", "worker0", "worker1"] as const satisfies readonly ProcessName[];

/**
 * Checks processes, tables and files, from the samples after the warm-up.
 *
 * @param rate events a second
 */
export function checkSamples(samples: readonly Sample[], rate: number): Verdict[] {
  const tookMs = (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);
  const leakMbPerHour = (steepestBytesPerEvent * rate * 3_600) / megabyte;
  const steepest = tookMs < shortMs ? leakMbPerHour : steepestMbPerHour;
  return [
    ...names.flatMap((name) => [
      checkMemory(name, "live", samples, steepest),
      checkMemory(name, "resident", samples, steepest),
    ]),
    ...names.map((name) => checkConnections(name, samples)),
    ...Object.keys(samples[0]?.sizes ?? {}).flatMap((name) => checkSize(name, samples, leakMbPerHour)),
    checkTimeline(samples, rate),
    describeQueues(samples),
  ];
}

/** Growth that has another reason than a leak. */
const explained: Readonly<Record<string, string>> = {
  "rollcall.events": "the timeline, whose pruning is checked by its events",
  "files of Redis": "its append-only file, which Redis rewrites once it has doubled",
  "logs of the processes": "a line for each change, which the system that keeps logs rotates",
};

/** @returns nothing for a table that stays as small as an empty one */
function checkSize(name: string, samples: readonly Sample[], steepest: number): Verdict[] {
  const points = samples.map(({ atMs, sizes }) => ({ atMs, value: (sizes[name] ?? 0) / megabyte }));
  const floors = takeFloors(points);
  const slope = fitSlopePerHour(floors) ?? 0;
  const ends = `${points[0]?.value.toFixed(1)} to ${points.at(-1)?.value.toFixed(1)} MB`;
  const reason = explained[name];
  const isFlat = slope < steepest;
  if (reason === undefined && isFlat && Math.max(...points.map(({ value }) => value)) < 1) return [];
  const verdict = isFlat ? "holds" : reason === undefined ? "GROWS" : `grows (${reason})`;
  return [
    { line: `${name}: ${verdict}, ${slope.toFixed(2)} MB/h; ${ends}`, holds: isFlat || reason !== undefined },
  ];
}

/** Events count as old after 3 minutes, and workers prune every 10. By then, no older event may be left. */
const mostTimelineMs = 15 * 60_000;
/** An event of the load writes about one line of the timeline. */
const linesPerEvent = 1.5;

function checkTimeline(samples: readonly Sample[], rate: number): Verdict {
  const counts = samples.map(({ events }) => events);
  const most = Math.max(...counts);
  const limit = (rate * linesPerEvent * mostTimelineMs) / 1_000;
  const holds = most <= limit;
  const ends = `${counts[0]} to ${counts.at(-1)} events, at most ${most}`;
  return {
    line: `timeline: ${holds ? "holds" : "GROWS"}, ${ends}; its pruning allows ${Math.round(limit)}`,
    holds,
  };
}

function checkMemory(
  name: ProcessName,
  kind: keyof Memory,
  samples: readonly Sample[],
  steepest: number,
): Verdict {
  const points = samples.map(({ atMs, memory }) => ({ atMs, value: memory[name][kind] / megabyte }));
  const floors = takeFloors(points);
  const slope = fitSlopePerHour(floors);
  const ends = `${floors[0]?.value.toFixed(1)} to ${floors.at(-1)?.value.toFixed(1)} MB in ${floors.length} minutes`;
  if (slope === undefined)
    return { line: `${name}: too few samples for the growth of ${kind} memory; ${ends}`, holds: false };
  const holds = slope < steepest;
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
