/** Everything that a run will do, decided before it begins: the same seed gives the same plan. */
export type Plan = {
  seed: number;
  backend: "redis" | "postgres";
  /** How long the safety phase lasts; all moments below are milliseconds from its start. */
  safetyMs: number;
  /**
   * Catch-ups and sweeps run all along. A run of theirs may write what a lost sync job should have written, so that
   * "nothing accepted is lost" is judged in earnest only in a run without: there nothing is reconciled before
   * healing, after what was accepted has been judged.
   */
  reconciles: boolean;
  acts: readonly Act[];
  faults: readonly Fault[];
};

/** One of the N events of a run. */
export type Act = { atMs: number } & (Life | Call);

/** Something happens to a person at Clerk, and Clerk tells of it, perhaps. */
export type Life =
  | { act: "sign-up"; who: number; deliveries: readonly Delivery[] }
  | { act: "change"; who: number; change: Change; deliveries: readonly Delivery[] }
  | { act: "leave"; who: number; deliveries: readonly Delivery[] };

/** Somebody calls Rollcall, and nothing changes at Clerk. */
export type Call =
  | { act: "ensure"; who: number; api: number }
  | { act: "login"; who: number; deliveries: readonly Delivery[] }
  /** An admin of the app gives a profile to somebody who may be getting one at this moment. */
  | { act: "by-hand"; who: number }
  /** `user.updated` about an account that is gone, as a network delivers it that kept it for long. */
  | { act: "echo"; who: number; deliveries: readonly Delivery[] }
  | {
      act: "unknown";
      number: number;
      type: "user.created" | "session.created";
      deliveries: readonly Delivery[];
    }
  | { act: "poison-body"; number: number; isJson: boolean; deliveries: readonly Delivery[] }
  /** A user whom Clerk describes in a form that nobody can read signs up and logs in. */
  | { act: "poison-user"; number: number; api: number };

/** What changes. `number` makes each name and address one of its own. */
export type Change =
  | { set: "name" | "email" | "email-status" | "image"; number: number }
  | { set: "role"; admin: boolean }
  | { set: "banned"; banned: boolean };

/** One copy of a message on its way to one of the two apis. An event without any is lost. */
export type Delivery = { afterMs: number; api: number };

/** Something goes wrong at a moment, for a while, and then is right again. */
export type Fault = { atMs: number; forMs: number } & Trouble;

export type ProcessName = "api0" | "api1" | "worker0" | "worker1";
export type Service = "redis" | "postgres" | "clerk";

export type Trouble =
  | { fault: "kill" | "freeze"; process: ProcessName }
  | { fault: "redis-kill" | "redis-freeze" }
  /** `share`: of the memory that is left to it, so much is used. Over 1 it refuses every write. */
  | { fault: "redis-full"; share: number }
  | { fault: "postgres-crash" | "postgres-terminate" | "postgres-lock-table" }
  | { fault: "postgres-lock-rows"; share: number }
  | { fault: "half-open" | "reset"; process: ProcessName; service: Service }
  | { fault: "delay"; process: ProcessName; service: Service; longestMs: number }
  | { fault: "clerk"; kind: ClerkTrouble; share: number }
  | { fault: "sweep"; meanwhile: FullSyncTrouble };

export type ClerkTrouble =
  | "status"
  | "rate-limit"
  | "hang"
  | "reset"
  | "malformed"
  | "truncated"
  | "latency"
  | "empty-list";

/**
 * What happens while a full sweep, which ops ordered, waits for Clerk's slow lists. life: only what people do,
 * so that its pages move. kill, freeze: its runner; one that is frozen wakes as soon as another has taken over.
 */
export type FullSyncTrouble = "life" | "kill" | "freeze" | "empty-list" | "short-list";
