import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "svix";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { untilDeadLetter, untilIdle, untilProfile, withQueue } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const secret = `whsec_${Buffer.from("a secret that only the app knows").toString("base64")}`;
type Received = { headers: IncomingHttpHeaders; body: string };

describeOnBackends((backend) => {
  let system: System;
  let app: Server;
  let answer: number | "none" = 200;
  let received: Received[] = [];
  const unanswered = new Set<ServerResponse>();

  beforeAll(async () => {
    app = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (answer !== "none") return response.writeHead(answer).end();
      unanswered.add(response);
      response.once("close", () => unanswered.delete(response));
    }).listen(0, "127.0.0.1");
    await waitFor("the app", async () => (app.listening ? true : undefined));
    const { port } = app.address() as AddressInfo;
    system = await startSystem({
      backend,
      environment: {
        MENTORADO_CREATED_URL: `http://127.0.0.1:${port}/hook`,
        MENTORADO_CREATED_SECRET: secret,
      },
    });
  });
  beforeEach(() => {
    answer = 200;
    received = [];
  });
  afterAll(async () => {
    await system?.stop();
    app?.close();
  });

  const about = (clerkId: string) => received.filter(({ body }) => body.includes(clerkId));
  const untilSent = (clerkId: string, times = 1) =>
    waitFor(
      `${times} notifications about ${clerkId}`,
      async () => (about(clerkId).length >= times ? about(clerkId) : undefined),
      90_000,
    );

  test("the app gets one signed notification of a new mentorado, with ids only", async () => {
    const person = await system.clerk.users.create({ firstName: "Hidden", email: "hidden@example.com" });
    const rows = await untilProfile(system, person.id);
    const [first] = await untilSent(person.id);
    expect(new Webhook(secret).verify(first?.body ?? "", headersOf(first))).toEqual({
      type: "mentorado.created",
      timestamp: expect.any(String),
      data: { clerkId: person.id, userId: rows.users[0]?.["id"], mentoradoId: rows.mentorados[0]?.["id"] },
    });
    expect(first?.body).not.toMatch(/hidden/i);
    await system.clerk.users.update(person.id, { firstName: "Again" });
    const other = await system.clerk.users.create();
    await untilSent(other.id);
    expect(about(person.id)).toHaveLength(1);
  });

  test("a notification answered with 500 is sent again under the same id until the app accepts it", async () => {
    answer = 500;
    const person = await system.clerk.users.create();
    await untilSent(person.id, 2);
    answer = 204;
    await untilSent(person.id, 3);
    expect(new Set(about(person.id).map(({ headers }) => headers["webhook-id"]))).toHaveProperty("size", 1);
    await waitFor("the event to be marked", async () => {
      const found = await system.db.query(
        "select from rollcall.events where clerk_id = $1 and notification_sent_at is not null",
        [person.id],
      );
      return found.rowCount === 1 ? true : undefined;
    });
  });

  test("a notification that the app never accepts ends as a dead letter", async () => {
    answer = 302;
    const person = await system.clerk.users.create();
    const letter = await untilDeadLetter(system, person.id);
    expect(JSON.parse(letter)).toMatchObject({ code: "hook.failed", name: "notify", attempts: 5 });
    const event = await system.db.query(
      "select notification_due_at, notification_sent_at from rollcall.events where clerk_id = $1 and kind = 'mentorado_created'",
      [person.id],
    );
    // An operator decides about the dead letter, so the relay leaves it alone.
    expect(event.rows).toEqual([{ notification_due_at: null, notification_sent_at: null }]);
  });

  test("no notification is sent of a user who signed up more than a day ago or is deleted meanwhile", async () => {
    const old = await system.clerk.users.create({ createdAtMs: Date.now() - 25 * 3_600_000 });
    await untilProfile(system, old.id);
    answer = 500;
    const gone = await system.clerk.users.create();
    await untilSent(gone.id);
    await system.clerk.users.delete(gone.id);
    await waitFor("the tombstone", async () => {
      const found = await system.db.query(
        "select from users where clerk_id = $1 and deleted_at is not null",
        [gone.id],
      );
      return found.rowCount === 1 ? true : undefined;
    });
    const before = about(gone.id).length;
    answer = 200;
    const person = await system.clerk.users.create();
    await untilSent(person.id);
    expect(about(old.id)).toEqual([]);
    expect(about(gone.id).length).toBeLessThanOrEqual(before + 1);
  });

  test("a worker without the app's address leaves notifications to one that has it", async () => {
    await system.worker.stop();
    const { MENTORADO_CREATED_URL: _url, MENTORADO_CREATED_SECRET: _secret, ...without } = system.environment;
    system.worker = system.startWorker(without);
    const people = await Promise.all(Array.from({ length: 5 }, () => system.clerk.users.create()));
    const eventIds: number[] = [];
    for (const { id } of people) {
      await untilProfile(system, id);
      const { rows } = await system.db.query(
        // As the relay of a worker that was replaced meanwhile leaves it.
        "update rollcall.events set notification_queued_at = now() where clerk_id = $1 and kind = 'mentorado_created' returning id",
        [id],
      );
      eventIds.push(Number(rows[0].id));
    }
    await withQueue(system, "sync", async (queue) => {
      for (const [index, eventId] of eventIds.entries()) {
        await queue.add("notify", { v: 1, eventId, clerkId: people[index]?.id });
      }
    });
    await untilIdle(system, "sync");
    expect(people.flatMap(({ id }) => about(id))).toEqual([]);
    const other = system.startWorker({ ...system.environment, WORKER_PORT: "0" });
    for (const { id } of people) await untilSent(id);
    await system.worker.stop();
    system.worker = other;
    for (const { id } of people) expect(about(id)).toHaveLength(1);
  });

  test("an app that never answers occupies at most sixteen jobs, and users are provisioned meanwhile", async () => {
    answer = "none";
    const people = await Promise.all(Array.from({ length: 24 }, () => system.clerk.users.create()));
    await waitFor("sixteen to hang", async () => (unanswered.size >= 16 ? true : undefined));
    const late = await system.clerk.users.create();
    for (const { id } of [...people, late]) await untilProfile(system, id);
    expect(unanswered.size).toBeLessThanOrEqual(16);
    answer = 200;
    for (const response of unanswered) response.writeHead(200).end();
    await untilSent(late.id);
  });
});

function headersOf(received: Received | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(received?.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
}

test("a notification URL without a secret keeps the worker from starting and names the missing variable", async () => {
  const worker = runProcess("apps/worker/dist/main.js", {
    DATABASE_URL: "postgres://someone@127.0.0.1:9/x",
    CLERK_SECRET_KEY: "sk_test_x",
    MENTORADO_CREATED_URL: "https://app.example.com/hook",
  });
  expect(await worker.exited).toBe(1);
  expect(worker.output()).toContain("MENTORADO_CREATED_SECRET is missing");
});
