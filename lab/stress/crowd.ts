import { readSyncJob, type SyncJob, type SyncQueueName } from "@rollcall/jobs";
import type { StressPlan } from "./plan.ts";
import type { Random } from "./random.ts";

export type Addressed = { queue: SyncQueueName; syncJob: SyncJob };

/** SyncJobs that meet in one queue under one dedup id. */
export function nameLane({ queue, syncJob }: Addressed): string {
  return `${queue} ${syncJob.kind} ${syncJob.clerkId}`;
}

/** The reverse of `nameLane`. */
export function readLane(lane: string): Addressed {
  const [queue, kind, clerkId] = lane.split(" ");
  const syncJob = readSyncJob({ v: 1, kind, clerkId, cause: "admin", eventAtMs: Date.now() });
  return { queue: queue === "ensure" ? "ensure" : "sync", syncJob };
}

/** How many users are added at a time. */
const width = 40;
const addsPerUser = 20;

/**
 * Draws who is added. A lost sync job shows only when nobody sync jobs that user again, so the crowd moves on:
 * each user gets a burst of sync jobs in which they meet waiting, active and failing jobs, and then none.
 */
export function drawSyncJob(plan: StressPlan, random: Random): Addressed {
  const now = Date.now();
  const userEveryMs = (addsPerUser * 1_000) / plan.addsPerSecond;
  const first = Math.floor((now - plan.startedAtMs) / userEveryMs);
  const number = first + Math.floor(random() ** 2 * width);
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
