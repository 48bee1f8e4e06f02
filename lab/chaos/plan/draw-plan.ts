import { type AppName, apps } from "../apps.ts";
import { createDice, type Times } from "./dice.ts";
import { type ActEmphasis, drawActs } from "./draw-acts.ts";
import { drawFaults, type FaultKind } from "./draw-faults.ts";
import { drawTeamActs } from "./draw-team-acts.ts";
import type { FullSyncFault, Plan, Setup } from "./plan.ts";

/** Acts and faults that a run for one purpose holds more of. */
export type Emphasis = {
  acts?: ActEmphasis;
  faults?: Times<FaultKind>;
  fullSyncs?: Times<FullSyncFault>;
  /** A factor for the length of the run, so that jobs wait for slow services and not for a core. */
  slower?: number;
  /** Overrides the seed's choice. */
  reconciles?: boolean;
  /** 0 by default. */
  residents?: number;
};

/** Other setups than single servers make a run longer, and have faults of their own. */
const setupWeights: Readonly<Record<Setup, number>> = { single: 5, replica: 1, "sync-replica": 1 };

export type PlanOptions = {
  seed: number;
  events: number;
  backend: Plan["backend"];
  /** 1 by default. */
  shards?: number | undefined;
  app: AppName;
  /** Overrides the seed's choice. */
  setup?: Setup | undefined;
  /** false: only deliveries go wrong. */
  faults: boolean;
  emphasis?: Emphasis | undefined;
};

/** Four pages of a full sync. The first incremental sync writes the newest 500 users, and no page with a row is a new one. */
const manyResidents = 1_800;

const leastSafetyMs = 4_000;
/** Two busy cores can work off about eighty events a second. */
const msPerEvent = 10.5;

/** Draws a run from its seed. Acts and faults have their own dice, so `faults: false` changes no act. */
export function drawPlan(options: PlanOptions): Plan {
  const { seed, events, backend, shards = 1, app, faults, emphasis } = options;
  const safetyMs = Math.round((leastSafetyMs + events * msPerEvent) * (emphasis?.slower ?? 1));
  // Alternating, so that any two seeds in a row hold both kinds.
  const reconciles = emphasis?.reconciles ?? seed % 2 === 0;
  const { faults: times, fullSyncs } = emphasis ?? {};
  const residents = emphasis ? (emphasis.residents ?? 0) : reconciles ? manyResidents : 0;
  const setup = options.setup ?? drawSetup(seed, faults);
  return {
    seed,
    backend,
    shards,
    app,
    setup,
    safetyMs,
    reconciles,
    residents,
    acts: drawActs(createDice(seed * 2 + 1), events, safetyMs, {
      ...emphasis?.acts,
      invites: apps[app].invite !== undefined,
      residents,
    }),
    teamActs: apps[app].mapping.organizations
      ? drawTeamActs(createDice(teamSalt + seed), events, safetyMs)
      : [],
    faults: faults
      ? drawFaults(createDice(seed * 2 + 2), {
          backend,
          setup,
          safetyMs,
          reconciles,
          times,
          fullSyncs,
        })
      : [],
  };
}

/** It has dice of its own too, so that it changes no act. */
function drawSetup(seed: number, faults: boolean): Setup {
  return faults ? createDice(setupSalt + seed).weighted(setupWeights) : "single";
}

/** Far from the seeds of acts and faults. */
const setupSalt = 1_000_003;
const teamSalt = 2_000_003;
