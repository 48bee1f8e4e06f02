import { createPostgresQueueBackend, createRedisBackend, type QueueBackend } from "@rollcall/jobs";
import type { StressPlan } from "./plan.ts";

/** A broken connection is not this test's matter: an add that fails is not accepted, and workers reconnect. */
const ignore = () => undefined;

/** The queues as api and worker open them. */
export function openBackend({ backend, url }: StressPlan): QueueBackend {
  return backend === "redis" ? createRedisBackend([url], ignore) : createPostgresQueueBackend(url, ignore);
}

/** As api's and worker's. */
export const addDeadlineMs = 2_000;

/** The servers are up; this is slack for a busy machine. */
export const connectDeadlineMs = 60_000;
