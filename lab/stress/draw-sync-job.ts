import { readSyncJob, type SyncJob, type SyncQueueName } from "@rollcall/jobs";
import type { Random } from "../stage/random.ts";
import type { StressPlan } from "./plan.ts";

export type QueuedSyncJob = { queue: SyncQueueName; syncJob: SyncJob };

/** The name of a lane: a queue, a kind and a user. Only sync jobs of one lane merge, because they share a dedup id. */
export function nameLane({ queue, syncJob }: QueuedSyncJob): string {
  return `${queue} ${syncJob.kind} ${syncJob.clerkId}`;
}

/** The reverse of `nameLane`. */
export function readLane(lane: string): QueuedSyncJob {
  const [queue, kind, clerkId] = lane.split(" ");
  const syncJob = readSyncJob({ v: 1, kind, clerkId, cause: "admin", eventAtMs: Date.now() });
  return { queue: queue === "ensure" ? "ensure" : "sync", syncJob };
}

const usersAtOnce = 40;
const addsPerUser = 20;

/**
 * Draws the next sync job. A user's next sync job would hide the loss of an earlier one. Each user therefore gets a burst
 * of sync jobs, which meet waiting, active and failing jobs, and none afterwards.
 */
export function drawSyncJob(plan: StressPlan, random: Random): QueuedSyncJob {
  const now = Date.now();
  const userEveryMs = (addsPerUser * 1_000) / plan.addsPerSecond;
  const first = Math.floor((now - plan.startedAtMs) / userEveryMs);
  const number = first + Math.floor(random() ** 2 * usersAtOnce);
  return {
    queue: random() < 0.7 ? "sync" : "ensure",
    syncJob: { v: 1, kind: drawKind(random), clerkId: `user_${number}`, cause: "webhook", eventAtMs: now },
  };
}

function drawKind(random: Random): SyncJob["kind"] {
  const draw = random();
  if (draw < 0.7) return "refresh";
  return draw < 0.9 ? "provision" : "delete";
}
