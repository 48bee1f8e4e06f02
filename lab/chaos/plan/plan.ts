import type { AppName } from "../apps.ts";
import type { OuterFaultSpec } from "./outer-faults.ts";
import type { ProcessName } from "./process-name.ts";

/** All acts and faults of a run, drawn before it begins. The same seed gives the same plan. */
export type Plan = {
  seed: number;
  backend: "redis" | "postgres";
  /** QUEUE_SHARDS of one api. The other processes have 1, as during a rolling deploy. */
  shards: number;
  /** The app whose tables are mapped. */
  app: AppName;
  setup: Setup;
  /** Length of the phase with faults. All times below count from its start. */
  safetyMs: number;
  /**
   * true: incremental and full syncs run all the time. They may write the change of a lost sync job, which hides the
   * loss. false: reconcile starts only after all accepted work was checked, so "nothing accepted is lost" is strict.
   */
  reconciles: boolean;
  /** Users that Clerk has before Rollcall first starts. The first full sync meets the first acts and faults. */
  residents: number;
  acts: readonly Act[];
  /** Empty, unless the app has organizations. */
  teamActs: readonly TeamAct[];
  faults: readonly Fault[];
};

/** The index of the first resident. Those of all other people are smaller. */
export const firstResident = 1_000_000;

/**
 * What stands behind the addresses of Postgres and Redis. A seed has one of these, with the faults that it allows.
 *
 * - single: one server each.
 * - replica, sync-replica: Postgres fails over to a streaming replica. Without `sync`, the last transactions are lost.
 */
export const setups = ["single", "replica", "sync-replica"] as const;

export type Setup = (typeof setups)[number];

/** One of the N events of a run. */
export type Act = { atMs: number } & (ClerkChange | Call);

/** A user changes at Clerk. Clerk then sends a webhook, unless that is lost. `user` is the index of a person. */
export type ClerkChange =
  /** `isVerified`: whether Clerk has verified the address. */
  | { act: "sign-up"; user: number; isVerified: boolean; deliveries: readonly Delivery[] }
  | { act: "change"; user: number; change: Change; deliveries: readonly Delivery[] }
  | { act: "leave"; user: number; deliveries: readonly Delivery[] };

/** A call of Rollcall that changes nothing at Clerk. */
export type Call =
  | { act: "ensure"; user: number; api: number }
  | { act: "login"; user: number; deliveries: readonly Delivery[] }
  /** An admin of the app inserts a profile for a user, perhaps while Rollcall makes one. */
  | { act: "by-hand"; user: number }
  /** The app inserts a profile without a user, for the address with which the user then signs up. */
  | { act: "invite"; user: number }
  /** `user.updated` about a deleted account, as if the network had delayed the delivery. */
  | { act: "echo"; user: number; deliveries: readonly Delivery[] }
  | {
      act: "unknown";
      number: number;
      type: "user.created" | "session.created";
      deliveries: readonly Delivery[];
    }
  | { act: "poison-body"; number: number; isJson: boolean; deliveries: readonly Delivery[] }
  /** A user that Clerk describes in an unreadable form signs up and logs in. */
  | { act: "poison-user"; number: number; api: number };

/** An organization or a membership changes at Clerk. `user` and `team` are indexes; after a deletion, the team has a new id. */
export type TeamAct = { atMs: number; team: number; deliveries: readonly Delivery[] } & (
  | { act: "team"; number: number }
  | { act: "team-gone" }
  /** The user joins, or gets another role. It does nothing for a user without an account. */
  | { act: "join"; user: number; role: string }
  | { act: "part"; user: number }
);

/** `number` makes each name and address unique. */
export type Change =
  | { set: "name" | "email" | "email-status" | "image"; number: number }
  | { set: "role"; admin: boolean }
  | { set: "banned"; banned: boolean };

/** One copy of a webhook to one of the two apis. An event without deliveries is lost. */
export type Delivery = { afterMs: number; api: number };

/** A fault that starts at `atMs` and is undone after `forMs`. */
export type Fault = { atMs: number; forMs: number } & FaultSpec;

export type { ProcessName };
export type Service = "redis" | "postgres" | "clerk";

export type FaultSpec =
  | { fault: "kill" | "freeze"; process: ProcessName }
  | { fault: "redis-kill" | "redis-freeze" }
  /** `share` of Redis' memory limit is in use. Above 1, Redis refuses every write. */
  | { fault: "redis-full"; share: number }
  | { fault: "postgres-crash" | "postgres-terminate" | "postgres-lock-table" }
  | { fault: "postgres-lock-rows"; share: number }
  /** The replica gets nothing for `lostMs` before the primary dies. Its address is read-only for `readOnlyMs`. */
  | { fault: "postgres-failover"; lostMs: number; readOnlyMs: number }
  | { fault: "half-open" | "reset"; process: ProcessName; service: Service }
  | { fault: "delay"; process: ProcessName; service: Service; longestMs: number }
  | { fault: "clerk"; kind: ClerkFault; share: number }
  | { fault: "full-sync"; meanwhile: FullSyncFault }
  | OuterFaultSpec;

export type ClerkFault =
  | "status"
  | "rate-limit"
  | "hang"
  | "reset"
  | "malformed"
  | "truncated"
  | "latency"
  | "empty-list";

/**
 * The fault that meets a requested full sync while Clerk's lists are slow.
 *
 * - life: none. Users change meanwhile, so the pages shift.
 * - kill, freeze: of the worker that runs it. A frozen worker wakes as soon as the other one has taken over.
 */
export type FullSyncFault = "life" | "kill" | "freeze" | "empty-list" | "short-list";

/**
 * The last moment for an act or a fault that takes `beforeEndMs` to heal. In a short run, it is a third of the run.
 *
 * @returns milliseconds from the start
 */
export function findLastMoment(safetyMs: number, beforeEndMs: number): number {
  return Math.max(safetyMs / 3, safetyMs - beforeEndMs);
}
