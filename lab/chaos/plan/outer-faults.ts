import type { Dice } from "./dice.ts";
import { type ProcessName, processNames } from "./process-name.ts";

/** Faults of what surrounds Rollcall: Clerk's replicas, the app, its database roles, clocks, and the machine. */
export type OuterFaultSpec =
  /** Clerk's lists and counts are answered as of the fault's start. A user alone is answered as it is now. */
  | { fault: "clerk-stale"; share: number }
  /** The app holds a lock that no other transaction may share, on the users' or the profiles' table. */
  | { fault: "app-lock"; table: "users" | "profiles" }
  /** The app fills a table of its own that references the users, and truncates it. */
  | { fault: "app-truncate" }
  /** A migration of the app makes, changes, renames and drops a column of its own, and a table that references the users. */
  | { fault: "app-migrate" }
  /** The app writes its own column in every row, in an order of its own, and keeps the rows locked. */
  | { fault: "app-write" }
  /** A role of Rollcall loses a right. */
  | { fault: "revoke"; right: Right }
  /** The wall clock of a process jumps, and back at the end. */
  | { fault: "clock"; process: ProcessName; minutes: number }
  /** Every process of Rollcall, Redis and Postgres stop. */
  | { fault: "standstill" }
  /** All packets of one direction are lost between a process and everything else. */
  | { fault: "one-way"; process: ProcessName; direction: "from" | "to" }
  /** Packets are lost in short bursts. */
  | { fault: "packet-loss"; process: ProcessName }
  /** A process connects anew while names are resolved late, to a wrong address, or not at all. */
  | { fault: "names"; process: ProcessName; answer: "right" | "wrong" | "none"; lateMs: number };

/** The faults for which each process has a network namespace. */
export const networkFaults: readonly string[] = ["one-way", "packet-loss", "names"];

/** See `rights` of `scenario/revoke.ts`. */
export type Right =
  | "worker writes users"
  | "worker reads users"
  | "api reads users"
  | "worker uses schema"
  | "queues";

/** A time span of a fault, in milliseconds since the epoch. */
export type OuterSpan = { fault: OuterFaultSpec; fromMs: number; untilMs: number };

export const outerWeights = {
  "clerk-stale": 6,
  "app-lock": 2,
  "app-truncate": 1,
  "app-migrate": 3,
  "app-write": 3,
  revoke: 3,
  clock: 5,
  standstill: 1,
  "one-way": 3,
  "packet-loss": 3,
  names: 4,
} as const;

export type OuterFaultKind = keyof typeof outerWeights;

export function isOuterFault(kind: string): kind is OuterFaultKind {
  return kind in outerWeights;
}

/** Long enough for a job's lock and a run's lease to end. */
const leastForStandstillMs = 20_000;

export type OuterFaultOptions = {
  safetyMs: number;
  reconciles: boolean;
  backend: "redis" | "postgres";
};

/** A fault with the shortest and the longest time that it lasts, in milliseconds. */
export type DrawnOuterFault = { spec: OuterFaultSpec; low: number; high: number };

/** @returns undefined if the plan cannot hold such a fault */
export function drawOuterFault(
  dice: Dice,
  fault: OuterFaultKind,
  { safetyMs, reconciles, backend }: OuterFaultOptions,
): DrawnOuterFault | undefined {
  switch (fault) {
    case "clerk-stale":
      // A job that reads an older version than the one that caused it is done. Only a reconcile heals that.
      if (!reconciles) return undefined;
      return {
        spec: { fault, share: dice.pick([1, 0.6]) },
        low: 1_500,
        high: 6_000,
      };
    case "app-lock":
      return { spec: { fault, table: dice.pick(["users", "profiles"]) }, low: 300, high: 3_000 };
    case "app-truncate":
      return { spec: { fault }, low: 100, high: 2_000 };
    case "app-migrate":
      return { spec: { fault }, low: 800, high: 4_000 };
    case "app-write":
      return { spec: { fault }, low: 500, high: 3_000 };
    case "revoke": {
      const right = dice.pick<Right>([
        "worker writes users",
        "worker reads users",
        "api reads users",
        "worker uses schema",
        "queues",
      ]);
      if (right === "queues" && backend === "redis") return undefined;
      return { spec: { fault, right }, low: 500, high: 4_000 };
    }
    case "clock":
      return {
        spec: { fault, process: dice.pick(processNames), minutes: dice.pick([10, -10]) },
        low: 2_000,
        high: 6_000,
      };
    case "standstill":
      // A short run would consist of it.
      return safetyMs < leastForStandstillMs ? undefined : { spec: { fault }, low: 20_000, high: 30_000 };
    case "one-way":
      return {
        spec: { fault, process: dice.pick(processNames), direction: dice.pick(["from", "to"]) },
        low: 500,
        high: 4_000,
      };
    case "packet-loss":
      return { spec: { fault, process: dice.pick(processNames) }, low: 1_000, high: 4_000 };
    case "names": {
      const process = dice.pick(processNames);
      const answer = dice.pick<"right" | "wrong" | "none">(["right", "wrong", "none"]);
      const lateMs = answer === "right" || dice.chance(0.5) ? dice.between(500, 4_000) : 0;
      return { spec: { fault, process, answer, lateMs }, low: 1_000, high: 5_000 };
    }
    default:
      return fault satisfies never;
  }
}
