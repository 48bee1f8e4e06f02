import { setTimeout as sleep } from "node:timers/promises";
import { createClerkGateway } from "@rollcall/clerk";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, findDrift, migrateUp, type Pool } from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { inSpan, type Tracing } from "@rollcall/observability";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startManglingProxy } from "../reconcile/testing/mangling-proxy.ts";
import { recordTracing } from "../testing/recorded-tracing.ts";
import { createTestWorker, type TestWorker } from "../testing/workers.ts";
import { createUserReader } from "./fetch-users.ts";
import { createRowReader } from "./read-rows.ts";
import { decideSnapshot } from "./rules.ts";
import { syncUser } from "./sync-user.ts";

let databaseUrl: string;
let clerk: ClerkSimulator;
let app: Pool;
let worker: TestWorker;
let slowWorker: TestWorker;

beforeAll(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
  app = createPool({
    databaseUrl,
    applicationName: "app",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(app);
  clerk = await startClerkSimulator({ rateLimit: null });
  worker = createTestWorker(databaseUrl, clerk);
  slowWorker = createTestWorker(databaseUrl, clerk);
});
afterAll(async () => {
  await Promise.all([app?.end(), clerk?.stop(), worker?.close(), slowWorker?.close()]);
});

const refresh = (clerkId: string): SyncJob => ({
  v: 1,
  kind: "refresh",
  clerkId,
  cause: "webhook",
  eventAtMs: 0,
});

describe("reads under load", () => {
  /** A reader whose requests are answered once `answer` is called. */
  function createHeldReader(longestMs: number, tracing?: Tracing) {
    const gateway = createClerkGateway({ secretKey: clerk.secretKey, apiUrl: clerk.url });
    const sent: number[] = [];
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const readUsers = async (ids: readonly string[]) => {
      sent.push(ids.length);
      await answered;
      return gateway.readUsers(ids);
    };
    const readUser = async (id: string) => {
      sent.push(1);
      return gateway.readUser(id);
    };
    const readOne = createUserReader({ ...gateway, readUsers, readUser }, app, {
      longestMs,
      tracing,
    });
    let ids: string[] = [];
    return {
      sent,
      answer: () => answer(),
      read: (users: number) => {
        const [mine, rest] = [ids.slice(0, users), ids.slice(users)];
        ids = rest;
        // Each job has its own trace.
        const job = { name: "job", parent: null };
        return Promise.all(mine.map((id) => inSpan(tracing, job, () => readOne(id))));
      },
      seed: async (users: number) => {
        ids = await Promise.all(Array.from({ length: users }, async () => (await clerk.users.create()).id));
      },
      close: () => gateway.close(),
    };
  }

  test("while many users are in flight, a request leaves full or when they are answered", async () => {
    const { sent, answer, read, seed, close } = createHeldReader(60_000);
    await seed(166);
    const reads = [read(49)];
    await expect.poll(() => sent).toEqual([49]);
    // Fewer than 50 are in flight.
    reads.push(read(2));
    await expect.poll(() => sent).toEqual([49, 2]);
    reads.push(read(10));
    await sleep(20);
    reads.push(read(90));
    await expect.poll(() => sent).toEqual([49, 2, 100]);
    reads.push(read(15));
    await sleep(20);
    expect(sent).toHaveLength(3);
    answer();
    const found = (await Promise.all(reads)).flat();
    expect(sent).toEqual([49, 2, 100, 15]);
    expect(found.every(({ result }) => "found" in result)).toBe(true);
    await close();
  });

  test("users count as in flight at Clerk, and not while Postgres keeps their read waiting", async () => {
    const load = { usersInFlight: 0 };
    const seen: number[] = [];
    const gateway = createClerkGateway({ secretKey: clerk.secretKey, apiUrl: clerk.url });
    const query: Pool["query"] = (...statement) => {
      seen.push(load.usersInFlight);
      return app.query(...statement);
    };
    const readUsers = (ids: readonly string[]) => {
      seen.push(load.usersInFlight);
      return gateway.readUsers(ids);
    };
    const readOne = createUserReader({ ...gateway, readUsers }, { ...app, query }, { load });
    await Promise.all(["user_one", "user_two"].map((id) => readOne(id)));
    expect([...seen, load.usersInFlight]).toEqual([0, 2, 0]);
    await gateway.close();
  });

  test("a read that jobs share is a span below one of them, and links to each of the others", async () => {
    const { tracing, spans } = recordTracing();
    const { answer, read, seed, close } = createHeldReader(60_000, tracing);
    await seed(3);
    answer();
    await read(3);
    await close();
    const [shared, ...others] = spans.filter(({ name }) => name === "read users");
    const callers = spans.filter(({ name }) => name === "read user").map(({ context }) => context);
    expect(others).toEqual([]);
    expect([shared?.parent, ...(shared?.links ?? [])]).toEqual(callers);
    expect(new Set(callers.map(({ traceId }) => traceId)).size).toBe(3);
  });

  test("a request that hangs delays the next one no longer than a moment", async () => {
    const { sent, answer, read, seed, close } = createHeldReader(20);
    await seed(61);
    const reads = [read(60)];
    await expect.poll(() => sent).toEqual([60]);
    reads.push(read(1));
    await expect.poll(() => sent).toEqual([60, 1]);
    answer();
    await Promise.all(reads);
    await close();
  });
});

describe("logins read their rows together", () => {
  const provision = (clerkId: string): SyncJob => ({ ...refresh(clerkId), kind: "provision" });

  /** A worker whose statements for rows begin once `release` is called. `sent` has the ids of each. */
  function createHeldRows(tracing?: Tracing) {
    const sent: string[][] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const query: Pool["query"] = async (statement, values) => {
      sent.push(values?.[0] as string[]);
      await released;
      return app.query(statement, values);
    };
    const context = { ...worker.context, readRow: createRowReader({ ...app, query, tracing }) };
    return { sent, release: () => release(), context };
  }

  test("in one statement, whose rows decide for each user alone", async () => {
    const rows = createHeldRows();
    const ids = ["user_in", "user_admin", "user_banned", "user_late"] as const;
    await clerk.users.create({ id: "user_in" });
    await clerk.users.create({ id: "user_admin", publicMetadata: { role: "admin" } });
    await clerk.users.create({ id: "user_banned", banned: true });
    await Promise.all(ids.slice(0, 3).map((id) => syncUser(worker.context, refresh(id), 1)));
    await clerk.users.create({ id: "user_late" });
    const outcomes = ids.map((id) => syncUser(rows.context, provision(id), 1));
    rows.release();
    expect(await Promise.all(outcomes)).toEqual(["present", "present", "present", "created"]);
    expect(rows.sent).toEqual([[...ids]]);
    await app.query(
      "update mentorados set user_id = null where user_id = (select id from users where clerk_id = 'user_in')",
    );
    expect(await syncUser(rows.context, provision("user_in"), 1)).toBe("created");
  });

  test("a login that comes while rows are read gets a statement of its own, so no row is older than its login", async () => {
    const rows = createHeldRows();
    await clerk.users.create({ id: "user_again" });
    await syncUser(worker.context, refresh("user_again"), 1);
    const first = syncUser(rows.context, provision("user_again"), 1);
    await expect.poll(() => rows.sent).toHaveLength(1);
    const second = syncUser(rows.context, provision("user_again"), 1);
    await expect.poll(() => rows.sent).toHaveLength(2);
    rows.release();
    expect(await Promise.all([first, second])).toEqual(["present", "present"]);
  });

  test("in a span below one of them, with a link to each of the others", async () => {
    const { tracing, spans } = recordTracing();
    const rows = createHeldRows(tracing);
    rows.release();
    const jobs = ["user_1", "user_2", "user_3"].map((clerkId) =>
      inSpan(tracing, { name: "job" }, () => rows.context.readRow(clerkId)),
    );
    await Promise.all(jobs);
    const callers = spans.filter(({ name }) => name === "read row").map(({ context }) => context);
    const shared = spans.filter(({ name }) => name === "read rows");
    expect(shared.map(({ parent, links }) => [parent, ...links])).toEqual([callers]);
    expect(new Set(callers.map(({ traceId }) => traceId)).size).toBe(3);
  });
});

test("an absence that was read before the sign-up never deletes the user, although the row exists when the job decides", async () => {
  const held = slowWorker.holdNext("after");
  const early = syncUser(slowWorker.context, refresh("user_early"), 1);
  await held.arrived;
  await clerk.users.create({ id: "user_early" });
  expect(await syncUser(worker.context, refresh("user_early"), 1)).toBe("created");
  held.release();
  expect(await early).toBe("kept");
});

test("an absence never deletes a user whose row was written by an earlier request that was answered later", async () => {
  const heldRequest = worker.holdNext("before");
  const first = syncUser(worker.context, refresh("user_lagging"), 1);
  await heldRequest.arrived;
  const heldAnswer = slowWorker.holdNext("after");
  const second = syncUser(slowWorker.context, refresh("user_lagging"), 1);
  await heldAnswer.arrived;
  await clerk.users.create({ id: "user_lagging" });
  heldRequest.release();
  expect(await first).toBe("created");
  heldAnswer.release();
  expect(await second).toBe("kept");
});

test("a user that is absent at Clerk is deleted after the second read, also without a signed event", async () => {
  await clerk.users.create({ id: "user_gone" });
  await syncUser(worker.context, refresh("user_gone"), 1);
  await clerk.users.delete("user_gone", { silent: true });
  expect(await syncUser(worker.context, refresh("user_gone"), 1)).toBe("tombstoned");
});

test.each(["delete", "refresh"] as const)(
  "a %s of an absent user whose row the app keeps locked fails only that user",
  async (kind) => {
    const clerkId = `user_locked_${kind}`;
    await clerk.users.create({ id: clerkId });
    await syncUser(worker.context, refresh(clerkId), 1);
    await clerk.users.delete(clerkId, { silent: true });
    const client = await app.connect();
    await client.query("begin");
    await client.query("select from users where clerk_id = $1 for update", [clerkId]);
    const syncJob: SyncJob = { ...refresh(clerkId), kind };
    const failed = syncUser(worker.context, syncJob, 1);
    await expect(failed).rejects.toMatchObject({ code: "user.rejected", sqlState: "55P03" });
    await client.query("rollback");
    client.release();
    expect(await syncUser(worker.context, syncJob, 2)).toBe("tombstoned");
  },
);

describe("a delete job is a reason to ask Clerk, and no proof", () => {
  const deletionOf = (clerkId: string): SyncJob => ({
    ...refresh(clerkId),
    kind: "delete",
    delivery: "msg_1",
  });
  const eventsOf = async (clerkId: string) => {
    const { rows } = await app.query(
      "select kind, details from rollcall.events where clerk_id = $1 order by id desc limit 1",
      [clerkId],
    );
    return rows[0];
  };
  const isDeleted = async (clerkId: string) => {
    const { rows } = await app.query("select deleted_at from users where clerk_id = $1", [clerkId]);
    return rows.length === 1 && rows[0]?.["deleted_at"] !== null;
  };

  test("a user that Clerk still has is retried four times and then left to reconcile, and stays", async () => {
    await clerk.users.create({ id: "user_forged" });
    await syncUser(worker.context, refresh("user_forged"), 1);
    for (const attempt of [1, 2, 3, 4]) {
      const job = syncUser(worker.context, deletionOf("user_forged"), attempt);
      await expect(job).rejects.toMatchObject({ code: "user.still_there" });
    }
    expect(await syncUser(worker.context, deletionOf("user_forged"), 5)).toBe("still_there");
    expect(await isDeleted("user_forged")).toBe(false);
    expect(await eventsOf("user_forged")).toMatchObject({ kind: "deletion_unconfirmed" });
  });

  test("a user that Clerk has and that has no row yet gets no tombstone", async () => {
    await clerk.users.create({ id: "user_unseen" });
    expect(await syncUser(worker.context, deletionOf("user_unseen"), 5)).toBe("still_there");
    expect(await syncUser(worker.context, refresh("user_unseen"), 1)).toBe("created");
  });

  test("forged deletions of many live users, together, delete none of them", async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `user_crowd${index}`);
    for (const id of ids) await clerk.users.create({ id });
    await Promise.all(ids.map((id) => syncUser(worker.context, refresh(id), 1)));
    const outcomes = await Promise.all(ids.map((id) => syncUser(worker.context, deletionOf(id), 5)));
    expect(new Set(outcomes)).toEqual(new Set(["still_there"]));
  });

  test("many deletions share requests, and none counts against the guard", async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `user_left${index}`);
    for (const id of ids) await clerk.users.create({ id });
    await Promise.all(ids.map((id) => syncUser(worker.context, refresh(id), 1)));
    for (const id of ids) await clerk.users.delete(id, { silent: true });
    await clerk.requests.clear();
    const outcomes = await Promise.all(ids.map((id) => syncUser(worker.context, deletionOf(id), 1)));
    expect(new Set(outcomes)).toEqual(new Set(["tombstoned"]));
    expect((await clerk.requests.list()).length).toBeLessThan(15);
    expect(await eventsOf("user_left39")).toMatchObject({ details: { by: "signature" } });
  });

  test.each(["empty", "without the sentinel"])(
    "while Clerk's lists are %s, live users stay and absent ones are deleted by their own 404",
    async (fault) => {
      const proxy = await startManglingProxy(clerk);
      const doubting = createTestWorker(databaseUrl, { ...clerk, url: proxy.url });
      const [live, gone] = [`user_live_${fault.length}`, `user_gone_${fault.length}`];
      for (const id of [live, gone]) await clerk.users.create({ id });
      for (const id of [live, gone]) await syncUser(worker.context, refresh(id), 1);
      await clerk.users.delete(gone, { silent: true });
      proxy.mangle(({ path, parameters }) => {
        if (path !== "/v1/users") return undefined;
        return fault === "empty" || parameters.has("user_id") ? [] : undefined;
      });
      // In one turn of the event loop, so that both are in one list.
      const read = await Promise.all([live, gone].map((id) => doubting.context.readDeleted(id)));
      expect(read).toEqual([{ found: expect.objectContaining({ id: live }) }, { absent: true }]);
      const outcomes = [live, gone].map((id) => syncUser(doubting.context, deletionOf(id), 5));
      expect(await Promise.all(outcomes)).toEqual(["still_there", "tombstoned"]);
      await Promise.all([doubting.close(), proxy.close()]);
    },
  );

  // docs/SECURITY.md says so. Such a key is a mistake of an operator, which doctor and the alert of held deletions name.
  test("with the key of another instance, whose sentinel proves nothing, only jobs that an event led to delete", async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `user_ours${index}`);
    for (const id of ids) await clerk.users.create({ id });
    await Promise.all(ids.map((id) => syncUser(worker.context, refresh(id), 1)));
    const stranger = await startClerkSimulator({ rateLimit: null });
    await stranger.users.create({});
    const misled = createTestWorker(databaseUrl, stranger);
    const outcomes = await Promise.all(ids.map((id) => syncUser(misled.context, refresh(id), 1)));
    const held = ids.filter((_, index) => outcomes[index] === "held");
    expect(held.length).toBeGreaterThanOrEqual(7);
    const [forged = "", ...others] = held;
    const together = [deletionOf(forged), deletionOf("user_never")].map((job) =>
      syncUser(misled.context, job, 1),
    );
    expect(await Promise.all(together)).toEqual(["tombstoned", "tombstoned"]);
    for (const id of others) {
      expect(await isDeleted(id)).toBe(false);
      expect(await syncUser(worker.context, refresh(id), 1)).toBe("kept");
    }
    expect((await app.query("select from rollcall.held_deletions")).rowCount).toBe(0);
    await Promise.all([misled.close(), stranger.stop()]);
  });

  test("while Clerk is away, a deletion waits: it neither deletes nor gives up", async () => {
    await clerk.users.create({ id: "user_waits" });
    await syncUser(worker.context, refresh("user_waits"), 1);
    await clerk.users.delete("user_waits", { silent: true });
    await clerk.faults.add({ kind: "status", status: 503 });
    const waiting = syncUser(worker.context, deletionOf("user_waits"), 5);
    await expect(waiting).rejects.toMatchObject({ code: "clerk.unavailable" });
    expect(await isDeleted("user_waits")).toBe(false);
    await clerk.faults.heal();
    expect(await syncUser(worker.context, deletionOf("user_waits"), 5)).toBe("tombstoned");
  });

  test("an absence that was read before the sign-up deletes no user whose row was written meanwhile", async () => {
    const held = slowWorker.holdNext("after");
    const early = syncUser(slowWorker.context, deletionOf("user_hasty"), 1);
    await held.arrived;
    await clerk.users.create({ id: "user_hasty" });
    expect(await syncUser(worker.context, refresh("user_hasty"), 1)).toBe("created");
    held.release();
    await expect(early).rejects.toMatchObject({ code: "user.still_there" });
    expect(await isDeleted("user_hasty")).toBe(false);
  });
});

describe("a user with fields of an unexpected form", () => {
  const readRow = async (clerkId: string) => {
    const { rows } = await app.query(
      `select u.email, u.name, u.image_url, u.role, u.banned, u.email_verified, u.clerk_updated_at,
              (select count(*)::int from mentorados m where m.user_id = u.id) as profiles
       from users u where u.clerk_id = $1`,
      [clerkId],
    );
    return rows[0];
  };

  test.each<[string, Record<string, unknown>, object]>([
    ["updated_at in seconds", { updated_at: 1719765690.123 }, { clerk_updated_at: null }],
    ["updated_at null", { updated_at: null }, { clerk_updated_at: null }],
    ["metadata as a list", { public_metadata: [] }, { role: "user" }],
    ["an address without fields", { email_addresses: [{}] }, { email: null }],
  ])("%s is written with its readable fields", async (name, raw, expected) => {
    const id = `user_partly_${name.replaceAll(" ", "_")}`;
    await clerk.users.create({ id, firstName: "Ada", lastName: "Lovelace", raw });
    expect(await syncUser(worker.context, refresh(id), 1)).toBe("created");
    expect(await readRow(id)).toMatchObject({ name: "Ada Lovelace", profiles: 1, ...expected });
    // A later read of such a user is written too.
    await clerk.users.update(id, { firstName: "Countess", raw });
    await syncUser(worker.context, refresh(id), 1);
    expect(await readRow(id)).toMatchObject({ name: "Countess Lovelace", ...expected });
  });

  test("keeps the row's values of the fields that became unreadable, and none of the changed others", async () => {
    const id = "user_damaged";
    const before = { email: "kept@example.com", imageUrl: "https://img/1", banned: false };
    await clerk.users.create({ id, firstName: "Ada", ...before, publicMetadata: { role: "admin" } });
    await syncUser(worker.context, refresh(id), 1);
    const raw = { email_addresses: {}, image_url: 7, banned: "perhaps", public_metadata: [] };
    await clerk.users.update(id, { firstName: "Countess", raw });
    await syncUser(worker.context, refresh(id), 1);
    expect(await readRow(id)).toMatchObject({
      name: "Countess",
      email: "kept@example.com",
      email_verified: true,
      image_url: "https://img/1",
      banned: false,
      role: "admin",
      profiles: 0,
    });
    const user = await worker.context.readUser(id);
    if (!("found" in user.result)) throw new Error("not found");
    const seen = decideSnapshot(user.result.found, user.readSequence, { cause: "reconcile", ref: null });
    expect(await findDrift(app, [seen], true)).toEqual(new Map());
  });

  test("a change whose time cannot be read never replaces a version with a time", async () => {
    const id = "user_timeless";
    await clerk.users.create({ id, firstName: "Known" });
    await syncUser(worker.context, refresh(id), 1);
    await clerk.users.update(id, { firstName: "Unknown", raw: { updated_at: null } });
    await syncUser(worker.context, refresh(id), 1);
    expect(await readRow(id)).toMatchObject({ name: "Known" });
  });
});

describe("a role that only looks like admin", () => {
  test.each<[unknown]>([["ADMIN"], [["admin"]]])(
    "%j gives a user with a profile, and one event says that a role was ignored",
    async (role) => {
      const id = `user_role_${typeof role}`;
      await clerk.users.create({ id, publicMetadata: { role } });
      expect(await syncUser(worker.context, refresh(id), 1)).toBe("created");
      await clerk.users.update(id, { firstName: "Again" });
      await syncUser(worker.context, refresh(id), 1);
      const { rows } = await app.query(
        `select u.role, (select array_agg(kind order by id) from rollcall.events e where e.clerk_id = u.clerk_id) as kinds
         from users u where clerk_id = $1`,
        [id],
      );
      expect(rows).toMatchObject([{ role: "user" }]);
      expect(rows[0]?.["kinds"].filter((kind: string) => kind === "role_ignored")).toHaveLength(1);
    },
  );

  test("a role of the app adds no event", async () => {
    await clerk.users.create({ id: "user_role_student", publicMetadata: { role: "student" } });
    await syncUser(worker.context, refresh("user_role_student"), 1);
    const { rows } = await app.query(
      "select from rollcall.events where clerk_id = 'user_role_student' and kind = 'role_ignored'",
    );
    expect(rows).toEqual([]);
  });
});
