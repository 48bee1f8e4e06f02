import { abovePerSecond, level, observedPerSecond, perSecond } from "./promql.ts";

export type Objective = {
  /** The value of the label `objective`. The alert is `<name>_objective`, with its section in docs/RUNBOOK.md. */
  name: string;
  /** What is promised, as the title of a panel. */
  title: string;
  /** The alert's sentence for people. */
  summary: string;
  /** `page`: users are affected while it is missed. `ticket`: another way serves them meanwhile. */
  severity: "page" | "ticket";
  /** PromQL: events a second; no sample without a source. */
  events: string;
  /** PromQL: those that missed the objective, a second. */
  missed: string;
  /** Fewer events in the long window of an alert say nothing. 0: it is a share of time and not of events. */
  atLeast: number;
};

/** The share that must keep each objective, over 30 days. */
export const target = 0.99;

/** How late the incremental sync may be, and how old a change when it is committed; seconds. */
const changeS = 90;
const over = "5m";
/** Pending, and failures that are not the caller's. */
const notReady = "pending|internal|schema[.]changed|(clerk|postgres|queue)[.].+";

/** The larger of two vectors without labels, of which one may be missing. */
const larger = (one: string, other: string) => `((${one}) >= (${other})) or (${other}) or (${one})`;

export const objectives: readonly Objective[] = [
  {
    name: "login",
    title: "Logins provisioned within 2 s",
    summary: "Too many users wait at login for more than 2 seconds, or get an error.",
    severity: "page",
    // A login that is refused, such as that of a banned user, is none that could be provisioned.
    events: perSecond("rollcall_ensure_total", { where: { outcome: `ready|${notReady}` }, over }),
    // A pending answer is slow too, and counts once. With an ENSURE_TIMEOUT_MS above 2 s, a slow one may be ready.
    missed: larger(
      perSecond("rollcall_ensure_total", { where: { outcome: notReady }, over }),
      abovePerSecond("rollcall_ensure_seconds", 2, { over }),
    ),
    atLeast: 20,
  },
  {
    name: "webhook",
    title: "Webhooks answered within 1 s",
    summary: "Too many webhooks are answered late or with an error: Clerk repeats them.",
    severity: "ticket",
    events: perSecond("rollcall_webhooks_total", {
      where: { outcome: "accepted|ignored|quarantined|unavailable" },
      over,
    }),
    missed: larger(
      perSecond("rollcall_webhooks_total", { where: { outcome: "unavailable" }, over }),
      abovePerSecond("rollcall_webhook_seconds", 1, { over }),
    ),
    atLeast: 20,
  },
  {
    name: "change",
    title: "Changes committed within 90 s",
    summary: "Too many changes at Clerk take more than 90 seconds to the rows.",
    severity: "page",
    events: observedPerSecond("rollcall_sync_lag_seconds", { over }),
    missed: abovePerSecond("rollcall_sync_lag_seconds", changeS, { over }),
    atLeast: 20,
  },
  {
    // A sync that stands observes no change, so its age is what tells.
    name: "incremental_sync",
    title: "Incremental sync at most 90 s old",
    summary: "The incremental sync is often older than 90 seconds: a change whose webhook is lost waits.",
    severity: "ticket",
    events: `${level("rollcall_reconcile_age_seconds", { where: { mode: "catch-up" } })} >= bool 0`,
    missed: `${level("rollcall_reconcile_age_seconds", { where: { mode: "catch-up" } })} > bool ${changeS}`,
    atLeast: 0,
  },
];

/** From short to long. */
export const windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] as const;

type Window = (typeof windows)[number];
type Burn = { long: Window; short: Window; rate: number; isFast: boolean };

/** Pairs of windows, as Google's SRE workbook has them: the long one must burn, and the short one must burn still. */
export const burns = [
  { long: "1h", short: "5m", rate: 14.4, isFast: true },
  { long: "6h", short: "30m", rate: 6, isFast: true },
  { long: "1d", short: "2h", rate: 3, isFast: false },
  { long: "3d", short: "6h", rate: 1, isFast: false },
] as const satisfies readonly Burn[];

/** Seconds between two evaluations of the recording rules. */
export const everyS = 60;

export const eventsRecord = "rollcall:objective_events:rate5m";
export const missedRecord = "rollcall:objective_missed:rate5m";
export const ratioRecord = (window: Window) => `rollcall:objective_missed:ratio_${window}`;
