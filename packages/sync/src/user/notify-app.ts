import { AppError, nameNetworkFailure } from "@rollcall/contracts";
import {
  type DueNotification,
  findUnsentNotification,
  listDueNotifications,
  markNotificationSent,
  markNotificationsQueued,
  type Pool,
  returnNotification,
  settleNotification,
} from "@rollcall/db";
import { addNotificationJob, type NotificationJob, type UserProducer } from "@rollcall/jobs";
import { Webhook } from "standardwebhooks";

export type NotificationTarget = {
  url: string;
  /** `whsec_…` */
  secret: string;
};

/** An app that hangs blocks each job for ten seconds, and the worker's concurrency is shared with other jobs. */
const maxQueued = 16;
const enqueueDeadlineMs = 2_000;
const deliveryTimeoutMs = 10_000;

/**
 * Adds a job for each notification that is due. If the process dies between the two steps, or the queue loses the job,
 * a later call adds the job again.
 *
 * @returns the number of added jobs
 * @throws AppError `queue.unavailable` or `postgres.unavailable`
 */
export async function relayNotifications(pool: Pool, queue: UserProducer): Promise<number> {
  const due = await listDueNotifications(pool, maxQueued);
  const waiting = new Set(due.map(({ eventId }) => eventId));
  if (waiting.size === 0) return 0;
  // Before the jobs are added: a worker may take a job at once and return its notification, which this would undo.
  await markNotificationsQueued(pool, [...waiting]);
  try {
    for (const { eventId, clerkId } of due) {
      await addNotificationJob(queue, { v: 1, eventId, clerkId }, enqueueDeadlineMs);
      waiting.delete(eventId);
    }
  } catch (error) {
    for (const eventId of waiting) await returnNotification(pool, eventId, 0).catch(() => undefined);
    throw error;
  }
  return due.length;
}

/**
 * Notifies the app of one new profile, at least once. The body holds ids only and is signed as a Standard Webhook.
 * Its `webhook-id` is the same at each attempt.
 *
 * @returns false when there was nothing to send: it was sent before, or the user is deleted
 * @throws AppError `hook.failed` unless the app answers 2xx
 */
export async function sendNotification(
  pool: Pool,
  target: NotificationTarget,
  { eventId, clerkId }: NotificationJob,
): Promise<boolean> {
  const due = { eventId, clerkId };
  const event = await findUnsentNotification(pool, due);
  if (!event) {
    await giveUpNotification(pool, due);
    return false;
  }
  const { userId, profileId } = event;
  const { profileName } = pool.tables;
  const body = JSON.stringify({
    type: `${profileName}.created`,
    timestamp: event.at.toISOString(),
    data: { clerkId, userId, [`${profileName}Id`]: profileId },
  });
  // With the time, because the id of a lost event is given again, and the app leaves out what it has had.
  await post(target, `evt_${eventId}_${event.at.getTime()}`, body);
  await markNotificationSent(pool, due);
  return true;
}

/** Stops adding jobs for a notification that became a dead letter. @throws AppError `postgres.unavailable` */
export async function giveUpNotification(pool: Pool, due: DueNotification): Promise<void> {
  await settleNotification(pool, due);
}

async function post({ url, secret }: NotificationTarget, id: string, body: string): Promise<void> {
  const now = new Date();
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign(id, now, body),
  };
  const signal = AbortSignal.timeout(deliveryTimeoutMs);
  // A redirect would carry the signed body to an address that is not configured.
  const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" }).catch(
    (error: unknown) => {
      const reason = nameNetworkFailure(error);
      // Without the cause, which may quote the address and with it a token.
      throw new AppError("hook.failed", `The app's webhook address was not reached (${reason})`);
    },
  );
  await answer.body?.cancel();
  if (!answer.ok) throw new AppError("hook.failed", `The app's webhook address answered ${answer.status}`);
}
