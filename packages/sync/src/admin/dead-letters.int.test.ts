import { randomUUID } from "node:crypto";
import { createPool, createQueuePool, migrateUp, type Pool } from "@rollcall/db";
import {
  createPostgresQueueBackend,
  type DeadLetter,
  findDeadLettersOfOrganization,
  findDeadLettersOfUser,
  findJobsOfOrganization,
  migrateQueues,
  openProducer,
  type Producer,
  type QueueBackend,
} from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { type DeadLetterContext, discardDeadLetters, replayDeadLetters } from "./dead-letters.ts";
import { recordNewDeadLetters } from "./record-dead-letters.ts";

let pool: Pool;
let backend: QueueBackend;
let producers: Record<"dead-letter" | "ensure" | "sync", Producer>;
let context: DeadLetterContext;

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const ignore = () => undefined;
  pool = createPool({ databaseUrl, applicationName: "test", searchPath: "public", onIdleError: ignore });
  await migrateUp(pool);
  await migrateQueues(pool.driver);
  backend = createPostgresQueueBackend(createQueuePool({ databaseUrl, onIdleError: ignore }));
  producers = {
    "dead-letter": openProducer(backend, "dead-letter"),
    ensure: openProducer(backend, "ensure"),
    sync: openProducer(backend, "sync"),
  };
  context = { pool, producers };
});
beforeEach(async () => {
  await (await producers["dead-letter"].connected(10_000)).obliterate({ force: true });
});
afterAll(async () => {
  await Promise.all(Object.values(producers ?? {}).map((producer) => producer.close()));
  await backend?.close();
  await pool?.end();
});

async function add(count: number, code: string): Promise<void> {
  const queue = await producers["dead-letter"].connected(10_000);
  const letters = Array.from({ length: count }, (): DeadLetter => {
    const payload = {
      v: 1,
      kind: "refresh",
      clerkId: `user_${randomUUID()}`,
      cause: "webhook",
      eventAtMs: 1,
    };
    const died = { code, attempts: 5, firstAtMs: 1, failedAtMs: 1, replayable: true };
    return { v: 1, queue: "sync", name: "refresh", payload, ...died };
  });
  for (let at = 0; at < count; at += 1_000)
    await queue.addBulk(
      letters
        .slice(at, at + 1_000)
        .map((letter) => ({ name: code, data: letter, opts: { jobId: `sync.${randomUUID()}` } })),
    );
}

test("letters of a code behind thousands of others are found, and each call comes further", async () => {
  await add(2, "user.rejected");
  await add(7_000, "clerk.unreadable");
  await add(3, "user.rejected");
  const calls = [];
  for (let more = true; more; ) {
    const done = await discardDeadLetters(context, { code: "user.rejected", reason: "a test" }, "ana");
    calls.push(done.discarded);
    more = done.more ?? false;
  }
  // The first search ends early, because it found some.
  expect(calls).toEqual([2, 3]);
});

test("a search that outlasts the lease keeps it, so no other operator comes in between", async () => {
  await add(3_500, "clerk.unreadable");
  await add(1, "user.rejected");
  // As if each read took longer than the lease: then only a lease that is prolonged before it ends is still there.
  await pool.query(
    `create table prolonged (at timestamptz not null default clock_timestamp());
     create function note() returns trigger language plpgsql as
       $$ begin
         if new.expires_at > now() then insert into public.prolonged default values; end if;
         return null;
       end $$;
     create trigger note after update on rollcall.leases for each row execute function note()`,
  );
  const done = await replayDeadLetters(context, { code: "user.rejected" }, "ana");
  expect(done).toMatchObject({ replayed: 1, more: false });
  // Four reads of at most a thousand letters each, and one before the letter is replayed.
  expect((await pool.query("select from prolonged")).rows.length).toBeGreaterThanOrEqual(4);
});

test("without a letter of the code nothing is done, and there is no more", async () => {
  await add(2_500, "clerk.unreadable");
  expect(await replayDeadLetters(context, { code: "user.rejected" }, "ana")).toEqual({
    replayed: 0,
    refused: [],
    more: false,
  });
});

test("letters of an organization and of its member are found for both, and in the timelines of both", async () => {
  const queue = await producers["dead-letter"].connected(10_000);
  const died = { attempts: 5, firstAtMs: 1, failedAtMs: 1, replayable: true, code: "user.rejected" };
  const payload = { v: 2, clerkOrgId: "org_a", cause: "webhook", eventAtMs: 1 };
  const of = (kind: string, fields = {}): DeadLetter => ({
    ...{ v: 1, queue: "sync", name: kind, payload: { ...payload, kind, ...fields }, ...died },
  });
  const letters = [of("refresh-organization"), of("refresh-membership", { clerkId: "user_a" })];
  const stored = letters.map((letter) => ({ ...letter, id: `sync.${randomUUID()}` }));
  await queue.addBulk(
    stored.map(({ id, ...letter }) => ({ name: letter.code, data: letter, opts: { jobId: id } })),
  );
  await recordNewDeadLetters(pool, stored);
  await recordNewDeadLetters(pool, stored);
  const pair = { kind: "refresh-membership", clerkId: "user_a", clerkOrgId: "org_a" };
  const own = { kind: "refresh-organization", clerkId: null, clerkOrgId: "org_a" };
  expect(await findDeadLettersOfUser(queue, "user_a")).toMatchObject([pair]);
  expect(await findDeadLettersOfOrganization(queue, "org_a")).toMatchObject(
    expect.arrayContaining([expect.objectContaining(pair), expect.objectContaining(own)]),
  );
  expect(await findDeadLettersOfOrganization(queue, "org_b")).toEqual([]);
  await replayDeadLetters(context, { all: true }, "ana");
  const { rows } = await pool.query(
    `select clerk_id, kind, details ->> 'clerkOrgId' as "clerkOrgId" from rollcall.events
     where clerk_id in ('org_a', 'user_a') order by kind, clerk_id`,
  );
  expect(rows).toEqual(
    ["dead_letter_added", "dead_letter_replayed"].flatMap((kind) => [
      { clerk_id: "org_a", kind, clerkOrgId: null },
      { clerk_id: "user_a", kind, clerkOrgId: "org_a" },
    ]),
  );
  const waiting = await findJobsOfOrganization(await producers.sync.connected(10_000), "org_a");
  expect(waiting).toMatchObject([{ kind: "refresh-organization", state: "waiting", code: null }]);
});
