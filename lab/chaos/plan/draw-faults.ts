import type { Dice, Times } from "./dice.ts";
import { drawFullSync } from "./draw-full-sync.ts";
import { findLastMoment } from "./last-moment.ts";
import type { ClerkTrouble, Fault, FullSyncTrouble, Plan, ProcessName, Service, Trouble } from "./plan.ts";

/** From one fault to the next; they last longer than that, so that several meet. */
const everyMs = [350, 1_000] as const;

const processNames = ["api0", "api1", "worker0", "worker1"] as const satisfies readonly ProcessName[];

const weights = {
  kill: 12,
  freeze: 8,
  "redis-kill": 4,
  "redis-freeze": 4,
  "redis-full": 4,
  "postgres-crash": 5,
  "postgres-terminate": 5,
  "postgres-lock-table": 2,
  "postgres-lock-rows": 5,
  "half-open": 6,
  reset: 8,
  delay: 12,
  clerk: 20,
  sweep: 30,
} as const;

export type FaultKind = keyof typeof weights;

const clerkWeights: Readonly<Record<ClerkTrouble, number>> = {
  status: 4,
  "rate-limit": 3,
  hang: 3,
  reset: 2,
  malformed: 2,
  truncated: 2,
  latency: 3,
  "empty-list": 2,
};

/** What the faults of a run depend on besides chance. */
export type FaultOptions = Pick<Plan, "backend" | "safetyMs" | "reconciles"> & {
  times?: Times<FaultKind> | undefined;
  sweeps?: Times<FullSyncTrouble> | undefined;
};

/** A dead worker's jobs run again after 20 s, and healing should not take much longer than half of that. */
const lateFaultHealsMs = 9_000;

/**
 * Draws what goes wrong. What takes long to be noticed or repaired comes early enough: a dead worker's jobs run
 * again after 20 s, a silent connection is dropped after 15 s.
 */
export function drawFaults(dice: Dice, options: FaultOptions): Fault[] {
  const { safetyMs, reconciles } = options;
  const times = reconciles ? options.times : { ...options.times, sweep: 0 };
  const faults: Fault[] = [];
  const busyUntilMs = new Map<string, number>();
  let atMs = 800;
  while (atMs < safetyMs - 500) {
    const fault = drawFault(dice, dice.weighted(weights, times), atMs, options);
    const victim = fault && nameVictim(fault);
    // Not at this moment, or not there again so soon: then something else.
    if (!fault || !victim || (busyUntilMs.get(victim) ?? 0) > atMs) continue;
    faults.push(fault);
    // A moment to come back before the next blow at the same place.
    busyUntilMs.set(victim, atMs + fault.forMs + 1_500);
    atMs += dice.between(...everyMs);
  }
  return faults;
}

function drawFault(
  dice: Dice,
  fault: FaultKind,
  atMs: number,
  { backend, safetyMs, sweeps }: FaultOptions,
): Fault | undefined {
  const isEarly = atMs < findLastMoment(safetyMs, lateFaultHealsMs);
  const lasting = (trouble: Trouble, low: number, high: number): Fault => ({
    atMs,
    forMs: Math.min(dice.between(low, high), safetyMs - atMs),
    ...trouble,
  });
  if (fault.startsWith("redis") && backend === "postgres") return undefined;
  switch (fault) {
    case "kill":
      return isEarly ? lasting({ fault, process: dice.pick(processNames) }, 200, 1_500) : undefined;
    case "freeze": {
      const process = dice.pick(processNames);
      // Now and then longer than a job's lock: the process wakes as a second owner of what others have taken.
      const isLong = isEarly && dice.chance(0.2);
      return isLong ? lasting({ fault, process }, 15_500, 17_000) : lasting({ fault, process }, 300, 4_000);
    }
    case "redis-kill":
    case "redis-freeze":
      return lasting({ fault }, 500, 3_000);
    case "redis-full":
      return lasting({ fault, share: dice.pick([0.8, 1.05]) }, 1_500, 4_000);
    case "postgres-crash":
      return lasting({ fault }, 300, 2_500);
    case "postgres-terminate":
      return lasting({ fault }, 1, 2);
    case "postgres-lock-table":
      return lasting({ fault }, 500, 3_500);
    case "postgres-lock-rows":
      return lasting({ fault, share: 0.05 }, 1_000, 5_000);
    case "half-open":
    case "reset": {
      if (fault === "half-open" && !isEarly) return undefined;
      return lasting({ fault, process: dice.pick(processNames), service: drawService(dice, backend) }, 1, 2);
    }
    case "delay": {
      const process = dice.pick(processNames);
      // An answer of Clerk's that is late is a stale one by then.
      const service = dice.chance(0.5) ? "clerk" : drawService(dice, backend);
      const longestMs = service === "clerk" ? dice.between(200, 3_000) : dice.between(20, 400);
      return lasting({ fault, process, service, longestMs }, 1_500, 6_000);
    }
    case "clerk":
      return lasting({ fault, kind: dice.weighted(clerkWeights), share: dice.pick([1, 1, 0.3]) }, 500, 4_000);
    case "sweep":
      return drawFullSync(dice, { atMs, safetyMs, isEarly, sweeps });
    default:
      return fault satisfies never;
  }
}

function drawService(dice: Dice, backend: Plan["backend"]): Service {
  return dice.pick(
    backend === "redis" ? ["redis", "redis", "postgres", "clerk"] : ["postgres", "postgres", "clerk"],
  );
}

/** What a fault befalls: two at once would be one, or undo each other. */
function nameVictim(fault: Fault): string {
  switch (fault.fault) {
    case "kill":
    case "freeze":
      return fault.process;
    case "half-open":
    case "reset":
    case "delay":
      return `${fault.process} ${fault.service}`;
    case "clerk":
      return "clerk";
    default:
      return fault.fault.startsWith("redis") ? "redis" : fault.fault;
  }
}
