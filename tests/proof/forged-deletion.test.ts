import { performance } from "node:perf_hooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import {
  hastenUntil,
  postWebhook,
  readDeadLetters,
  readRows,
  untilProfile,
  withQueue,
} from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const countStillThere = async () => {
    const text = await (await fetch(`${system.workerUrl}/metrics`)).text();
    const series = /^rollcall_provision_total\{[^}]*outcome="still_there"[^}]*\} (\d+)$/m;
    return Number(series.exec(text)?.[1] ?? 0);
  };

  /** As a client that can write to the queues' database does. */
  const addForged = (clerkId: string) =>
    withQueue(system, "sync", async (queue) => {
      const forged = {
        v: 1,
        kind: "delete",
        clerkId,
        cause: "webhook",
        eventAtMs: 0,
        delivery: "msg_forged",
      };
      await queue.add("delete", forged, { attempts: 5, backoff: { type: "custom" } });
    });

  test("neither a job written to the queue nor a signed event deletes a user that Clerk has", async () => {
    const [written, signed] = [await system.clerk.users.create(), await system.clerk.users.create()];
    for (const { id } of [written, signed]) await untilProfile(system, id);
    await addForged(written.id);
    const body = { type: "user.deleted", data: { object: "user", id: signed.id, deleted: true } };
    expect((await postWebhook(system, JSON.stringify(body))).status).toBe(200);
    await hastenUntil(system, [written.id, signed.id], "both deletions to be left to reconcile", async () =>
      (await countStillThere()) === 2 ? true : undefined,
    );
    for (const { id } of [written, signed]) {
      const { users, mentorados } = await readRows(system, id);
      expect(users).toMatchObject([{ deleted_at: null }]);
      expect(mentorados).toHaveLength(1);
    }
    expect(await readDeadLetters(system)).toEqual([]);
    await waitFor("a line about each", async () =>
      system.worker.output().match(/"event":"deletion_unconfirmed"/g)?.length === 2 ? true : undefined,
    );
  });

  test("the time from a deletion at Clerk to its tombstone is printed", async () => {
    const tookMs: number[] = [];
    for (let round = 0; round < 20; round++) {
      const { id } = await system.clerk.users.create();
      await untilProfile(system, id);
      const startedAt = performance.now();
      await system.clerk.users.delete(id);
      await waitFor("the tombstone", async () => {
        const { users } = await readRows(system, id);
        return users[0]?.["deleted_at"] ? true : undefined;
      });
      tookMs.push(Math.round(performance.now() - startedAt));
    }
    tookMs.sort((a, b) => a - b);
    process.stdout.write(`Deletions on ${backend}: median ${tookMs[10]} ms, slowest ${tookMs.at(-1)} ms\n`);
    expect(tookMs).toHaveLength(20);
  });
});
