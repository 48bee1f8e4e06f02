import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { untilProfile } from "../harness/calls.ts";
import { findInequalities } from "../harness/clerk-equality.ts";
import { untilOutput } from "../harness/process.ts";
import { readFullSyncs, untilFullSyncEnded } from "../harness/runs.ts";
import { type System, startSystem } from "../harness/system.ts";
import { startTraffic } from "../harness/traffic.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Deletes all jobs and schedules, as a wrong command of an operator does. */
async function emptyQueues({ redis, db }: System): Promise<void> {
  if (!redis) {
    await db.query(`
      do $$ begin execute (
        select 'truncate ' || string_agg(oid::regclass::text, ', ') from pg_class
        where relnamespace = 'bullmq'::regnamespace and relkind = 'r' and relname not like '%migration%'
      ); end $$`);
    return;
  }
  const client = new Redis(redis.url);
  await client.flushall();
  client.disconnect();
}

describeOnBackends(
  (backend) => {
    let system: System;
    beforeAll(async () => {
      // No schedule is due. So nothing but what the loss itself starts can find the lost deletion.
      system = await startSystem({ backend, environment: { RECONCILE_CATCHUP_EVERY_MS: "86400000" } });
      await untilFullSyncEnded(system);
    });
    afterAll(() => system?.stop());

    test.sequential("queues that are emptied under load, with accepted jobs in them, lose no user and no deletion", async () => {
      const { clerk } = system;
      const [changed, deleted] = [await clerk.users.create(), await clerk.users.create()];
      await Promise.all([changed, deleted].map(({ id }) => untilProfile(system, id)));
      const before = (await readFullSyncs(system)).length;
      const traffic = startTraffic(system);
      await system.worker.stop();
      await clerk.users.update(changed.id, { firstName: "Changed" });
      await clerk.users.delete(deleted.id);
      const accepted = (id: string) =>
        waitFor(`the api to accept every delivery about ${id}`, async () => {
          const messages = await clerk.webhooks.list({ userId: id });
          return messages.every(({ attempts }) => attempts.some(({ status }) => status === 200)) || undefined;
        });
      await Promise.all([changed, deleted].map(({ id }) => accepted(id)));
      await emptyQueues(system);
      system.worker = system.startWorker();
      const run = await untilFullSyncEnded(system, before + 1);
      expect(run).toMatchObject({ state: "succeeded", started_by: "emptied-queue", counts: { deleted: 1 } });
      await untilOutput(system.worker, "queue_emptied");
      const { ensureStatuses } = await traffic.stop();
      expect(Object.keys(ensureStatuses).filter((status) => !["200", "202", "503"].includes(status))).toEqual(
        [],
      );
      await clerk.webhooks.drain({ retries: true });
      await waitFor("rows to equal Clerk", async () =>
        (await findInequalities(system)).length === 0 ? true : undefined,
      );
    });
  },
  { atOnce: true },
);
