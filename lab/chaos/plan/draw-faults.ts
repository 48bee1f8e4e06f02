import type { Dice, Times } from "./dice.ts";
import { drawOuterFault, isOuterFault, outerWeights } from "./outer-faults.ts";
import {
  type ClerkFault,
  type Fault,
  type FaultSpec,
  type FullSyncFault,
  findLastMoment,
  type Plan,
  type Service,
} from "./plan.ts";
import { processNames } from "./process-name.ts";

/** The time between the starts of two faults. Faults last longer, so several overlap. */
const everyMs = [350, 1_000] as const;

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
  "full-sync": 30,
  // Only a plan with a replica draws it.
  "postgres-failover": 10,
  ...outerWeights,
} as const;

export type FaultKind = keyof typeof weights;

export const faultKinds: readonly string[] = Object.keys(weights);

const clerkWeights: Readonly<Record<ClerkFault, number>> = {
  status: 4,
  "rate-limit": 3,
  hang: 3,
  reset: 2,
  malformed: 2,
  truncated: 2,
  latency: 3,
  "empty-list": 2,
};

const fullSyncWeights: Readonly<Record<FullSyncFault, number>> = {
  life: 3,
  kill: 4,
  freeze: 1,
  "empty-list": 3,
  "short-list": 3,
};

/** A lease outlives its holder by 15 s. Then another worker must take over. */
const longestFreezeMs = 25_000;

export type FaultOptions = Pick<Plan, "backend" | "setup" | "safetyMs" | "reconciles"> & {
  times?: Times<FaultKind> | undefined;
  fullSyncs?: Times<FullSyncFault> | undefined;
};

/** A dead worker's jobs run again after 20 s. Healing should not take much longer than half of that. */
const lateFaultHealsMs = 9_000;
/** A backup of the new primary, on a busy machine. */
const newReplicaMs = 3_000;

/**
 * Draws the faults. A fault that is noticed or repaired late starts early enough: a dead worker's jobs run again after
 * 20 s, and a silent connection is dropped after 15 s.
 */
export function drawFaults(dice: Dice, options: FaultOptions): Fault[] {
  const { safetyMs, reconciles, setup } = options;
  const times = {
    ...options.times,
    ...(!reconciles && { "full-sync": 0 }),
    ...(!setup.endsWith("replica") && { "postgres-failover": 0 }),
  };
  const faults: Fault[] = [];
  const busyUntilMs = new Map<string, number>();
  let atMs = 800;
  while (atMs < safetyMs - 500) {
    const fault = drawFault(dice, dice.weighted(weights, times), atMs, options);
    const target = fault && nameTarget(fault);
    // The fault is not possible now, or its target had one too recently. Another fault is drawn.
    if (!fault || !target || (busyUntilMs.get(target) ?? 0) > atMs) continue;
    faults.push(fault);
    // The target gets 1.5 s to recover before its next fault.
    busyUntilMs.set(target, atMs + fault.forMs + 1_500);
    atMs += dice.between(...everyMs);
  }
  return faults;
}

function drawFault(
  dice: Dice,
  fault: FaultKind,
  atMs: number,
  { backend, safetyMs, reconciles, fullSyncs }: FaultOptions,
): Fault | undefined {
  const isEarly = atMs < findLastMoment(safetyMs, lateFaultHealsMs);
  const lasting = (spec: FaultSpec, low: number, high: number): Fault => ({
    atMs,
    forMs: Math.min(dice.between(low, high), safetyMs - atMs),
    ...spec,
  });
  if (fault.startsWith("redis") && backend === "postgres") return undefined;
  if (isOuterFault(fault)) {
    const drawn = drawOuterFault(dice, fault, { safetyMs, reconciles, backend });
    return drawn && lasting(drawn.spec, drawn.low, drawn.high);
  }
  switch (fault) {
    case "kill":
      return isEarly ? lasting({ fault, process: dice.pick(processNames) }, 200, 1_500) : undefined;
    case "freeze": {
      const process = dice.pick(processNames);
      // Some freezes outlast a job's lock. The process then wakes as a second owner of jobs that others have taken.
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
    case "postgres-failover": {
      // Healing takes a reconcile, and the next failover a new replica.
      const lostMs = dice.between(50, 1_500);
      const readOnlyMs = dice.pick([0, dice.between(100, 2_000)]);
      return { atMs, forMs: lostMs + readOnlyMs + newReplicaMs, fault, lostMs, readOnlyMs };
    }
    case "half-open":
    case "reset": {
      if (fault === "half-open" && !isEarly) return undefined;
      return lasting({ fault, process: dice.pick(processNames), service: drawService(dice, backend) }, 1, 2);
    }
    case "delay": {
      const process = dice.pick(processNames);
      // A late answer of Clerk's is a stale one, so Clerk is delayed often and for long.
      const service = dice.chance(0.5) ? "clerk" : drawService(dice, backend);
      const longestMs = service === "clerk" ? dice.between(200, 3_000) : dice.between(20, 400);
      return lasting({ fault, process, service, longestMs }, 1_500, 6_000);
    }
    case "clerk":
      return lasting({ fault, kind: dice.weighted(clerkWeights), share: dice.pick([1, 1, 0.3]) }, 500, 4_000);
    case "full-sync":
      return drawFullSync(dice, { atMs, safetyMs, isEarly, fullSyncs });
    default:
      return fault satisfies never;
  }
}

type Moment = {
  atMs: number;
  safetyMs: number;
  /** Whether there is time left for a fault that heals late. */
  isEarly: boolean;
  fullSyncs: Times<FullSyncFault> | undefined;
};

/** Draws the fault that meets a full sync requested at this moment. Undefined: not now. */
function drawFullSync(dice: Dice, { atMs, safetyMs, isEarly, fullSyncs }: Moment): Fault | undefined {
  const fault = "full-sync";
  const meanwhile = dice.weighted(fullSyncWeights, fullSyncs);
  // A full sync of an empty table tests nothing.
  if (atMs < safetyMs / 5 || (meanwhile === "kill" && !isEarly)) return undefined;
  if (meanwhile === "kill") {
    return { atMs, forMs: Math.min(dice.between(200, 2_000), safetyMs - atMs), fault, meanwhile };
  }
  // These end with the run, or when the other worker has taken over. A short chaos run waits for that.
  const forMs = meanwhile === "freeze" ? longestFreezeMs : dice.between(4_000, 8_000);
  return { atMs, forMs, fault, meanwhile };
}

function drawService(dice: Dice, backend: Plan["backend"]): Service {
  return dice.pick(
    backend === "redis" ? ["redis", "redis", "postgres", "clerk"] : ["postgres", "postgres", "clerk"],
  );
}

/** Two faults of one target at once would be one fault, or would undo each other. */
function nameTarget(fault: Fault): string {
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
    case "postgres-crash":
    case "postgres-failover":
      return "postgres-server";
    case "one-way":
    case "packet-loss":
      return `${fault.process} network`;
    case "clock":
    case "names":
      return `${fault.process} ${fault.fault}`;
    default:
      return fault.fault.startsWith("redis") ? "redis" : fault.fault;
  }
}
