import { type Nudge, type NudgeQueueName, readNudge } from "@rollcall/jobs";
import type { StressPlan } from "./plan.ts";
import type { Random } from "./random.ts";

export type Addressed = { queue: NudgeQueueName; nudge: Nudge };

/** Nudges that meet in one queue under one dedup id. */
export function nameLane({ queue, nudge }: Addressed): string {
  return `${queue} ${nudge.kind} ${nudge.clerkId}`;
}

/** The reverse of `nameLane`. */
export function readLane(lane: string): Addressed {
  const [queue, kind, clerkId] = lane.split(" ");
  const nudge = readNudge({ v: 1, kind, clerkId, cause: "admin", eventAtMs: Date.now() });
  return { queue: queue === "ensure" ? "ensure" : "sync", nudge };
}

/** How many users are nudged at a time. */
const width = 40;
const addsPerUser = 20;

/**
 * Draws who is nudged. A lost nudge shows only when nobody nudges that user again, so the crowd moves on:
 * each user gets a burst of nudges in which they meet waiting, active and failing jobs, and then none.
 */
export function drawNudge(plan: StressPlan, random: Random): Addressed {
  const now = Date.now();
  const userEveryMs = (addsPerUser * 1_000) / plan.addsPerSecond;
  const first = Math.floor((now - plan.startedAtMs) / userEveryMs);
  const number = first + Math.floor(random() ** 2 * width);
  return {
    queue: random() < 0.7 ? "sync" : "ensure",
    nudge: { v: 1, kind: drawKind(random), clerkId: `user_${number}`, cause: "webhook", eventAtMs: now },
  };
}

function drawKind(random: Random): Nudge["kind"] {
  const draw = random();
  if (draw < 0.7) return "look";
  return draw < 0.9 ? "login" : "delete";
}
