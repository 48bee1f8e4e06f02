import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "svix";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

type Received = { headers: IncomingHttpHeaders; body: string };

const secret = "whsec_c2VjcmV0IG9mIHRoZSBmaXJzdCBraW5k";
let clerk: ClerkSimulator;
let receiver: Server;
let received: Received[];
/** The next answers of the receiver, in order; 200 after the last. */
let answers: (number | "silence" | "reset")[];

beforeEach(async () => {
  received = [];
  answers = [];
  receiver = createServer(async (request, response) => {
    received.push({ headers: request.headers, body: await text(request) });
    const answer = answers.shift() ?? 200;
    if (answer === "reset") request.socket.destroy();
    if (typeof answer === "number") response.writeHead(answer, { location: "/elsewhere" }).end();
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const address = receiver.address();
  const port = typeof address === "object" ? address?.port : null;
  clerk = await startClerkSimulator({
    seed: 7,
    webhook: { url: `http://127.0.0.1:${port}/hook`, secret, timeScale: 1e-6, concurrency: 1 },
  });
});
afterEach(async () => {
  await clerk.stop();
  receiver.closeAllConnections();
  receiver.close();
});

function envelopes(): { type: string; data: Record<string, unknown> }[] {
  return received.map(({ body }) => JSON.parse(body));
}

function ids(): (string | undefined)[] {
  return received.map(({ headers }) => headers["svix-id"]?.toString());
}

describe("a delivery", () => {
  it("verifies with svix and has Clerk's envelope", async () => {
    const user = await clerk.users.create({ email: "ana@example.com" });
    await clerk.webhooks.drain();
    const [delivery] = received;
    const headers = delivery?.headers as Record<string, string>; // Svix reads only its own headers.
    expect(headers["content-type"]).toBe("application/json");
    expect(new Webhook(secret).verify(delivery?.body ?? "", headers)).toEqual({
      data: user,
      event_attributes: expect.anything(),
      instance_id: expect.stringMatching(/^ins_/),
      object: "event",
      timestamp: expect.any(Number),
      type: "user.created",
    });
    const wrong = new Webhook("whsec_c29tZSBvdGhlciBzZWNyZXQgYWx0b2dldGhlcg==");
    expect(() => wrong.verify(delivery?.body ?? "", headers)).toThrow();
  });

  it("verifies with both secrets during a rotation", async () => {
    const next = "whsec_dGhlIG5leHQgc2VjcmV0IG9mIHRoZSBwYWly";
    await clerk.webhooks.configure({ secrets: [next, secret], timestampUnit: "s" });
    await clerk.users.create();
    await clerk.webhooks.drain();
    const headers = received[0]?.headers as Record<string, string>; // Svix reads only its own headers.
    for (const either of [secret, next]) {
      const envelope = new Webhook(either).verify(received[0]?.body ?? "", headers);
      expect(Math.abs((envelope as { timestamp: number }).timestamp - Date.now() / 1000)).toBeLessThan(300);
    }
  });

  it("is sent for each change of a user and each sign-in, but not for a silent change", async () => {
    const { id } = await clerk.users.create();
    await clerk.users.update(id, { firstName: "Ana" });
    await clerk.users.update(id, { firstName: "Bia" }, { silent: true });
    const sessionId = await clerk.sessions.signIn(id);
    await clerk.users.ban(id);
    await clerk.users.delete(id);
    await clerk.webhooks.drain();
    const events = envelopes().map(({ type, data }) => [type, data["id"], data["user_id"]]);
    expect(events).toEqual([
      ["user.created", id, undefined],
      ["user.updated", id, undefined],
      ["session.created", sessionId, id],
      ["user.updated", id, undefined],
      ["user.deleted", id, undefined],
    ]);
    expect(envelopes().at(-1)?.data).toEqual({ object: "user", id, deleted: true });
    expect(await clerk.webhooks.totals()).toMatchObject({ events: 5, delivered: 5, attempts: 5 });
  });

  it("goes only to a subscribed endpoint; a test can sign its own body", async () => {
    await clerk.webhooks.configure({ events: ["user.deleted"] });
    const { id } = await clerk.users.create();
    await clerk.users.delete(id);
    await clerk.webhooks.drain();
    expect(envelopes().map(({ type }) => type)).toEqual(["user.deleted"]);
    const headers = await clerk.webhooks.sign("not json", { id: "msg_x" });
    expect(headers["svix-id"]).toBe("msg_x");
    expect(() => new Webhook(secret).verify("not json", { ...headers })).toThrow(/JSON/);
    expect(() => new Webhook(secret).verify("not json!", { ...headers })).toThrow(/signature/);
  });
});

describe("a failing endpoint", () => {
  it("gets the same message again after 500, 301, 410 and a broken connection, until it answers 2xx", async () => {
    answers = [500, 301, 410, "reset", 204];
    await clerk.users.create();
    await clerk.webhooks.drain({ retries: true });
    expect(new Set(ids()).size).toBe(1);
    expect(received).toHaveLength(5);
    const [message] = await clerk.webhooks.list();
    expect(message?.state).toBe("delivered");
    expect(message?.attempts.map((attempt) => attempt.status)).toEqual([500, 301, 410, null, 204]);
  });

  it("gets eight attempts and no more", async () => {
    answers = Array.from({ length: 20 }, () => 503);
    await clerk.users.create();
    await clerk.webhooks.drain({ retries: true });
    expect(received).toHaveLength(8);
    expect(await clerk.webhooks.totals()).toMatchObject({ failed: 1, waiting: 0, attempts: 8 });
  });

  it("that never answers is timed out, and the delivery is retried", async () => {
    await clerk.webhooks.configure({ attemptTimeoutMs: 2_000 });
    answers = ["silence"];
    await clerk.users.create();
    await clerk.webhooks.drain({ retries: true });
    const [message] = await clerk.webhooks.list({ state: "delivered" });
    expect(message?.attempts.map((attempt) => attempt.status)).toEqual([null, 200]);
  });

  it("does not delay drain() by retries that are not due yet", async () => {
    await clerk.webhooks.configure({ timeScale: 1 });
    answers = [500];
    await clerk.users.create();
    await clerk.webhooks.drain();
    expect(await clerk.webhooks.totals()).toMatchObject({ waiting: 1, attempts: 1 });
  });
});

describe("a disturbed network", () => {
  async function createUsers(count: number): Promise<string[]> {
    const created: string[] = [];
    for (let i = 0; i < count; i++) created.push((await clerk.users.create()).id);
    return created;
  }
  const userIds = () => envelopes().map(({ data }) => data["id"]);

  it("loses the next events, which are recorded and never sent", async () => {
    await clerk.webhooks.disturb({ loseNext: 2 });
    const created = await createUsers(3);
    await clerk.webhooks.drain({ retries: true });
    expect(userIds()).toEqual(created.slice(2));
    const lost = await clerk.webhooks.list({ state: "lost" });
    expect(lost.map((message) => message.userId)).toEqual(created.slice(0, 2));
  });

  it("loses the same share of events for the same seed", async () => {
    const lostBy = async (seed: number) => {
      const other = await startClerkSimulator({ seed, webhook: { url: "http://127.0.0.1:9" } });
      await other.webhooks.hold();
      await other.webhooks.disturb({ loseShare: 0.3 });
      for (let i = 0; i < 100; i++) await other.users.create();
      const lost = (await other.webhooks.list({ state: "lost" })).map((message) => message.userId);
      await other.stop();
      return lost;
    };
    const lost = await lostBy(11);
    expect(await lostBy(11)).toEqual(lost);
    expect(await lostBy(12)).not.toEqual(lost);
    expect(lost.length).toBeGreaterThan(10);
    expect(lost.length).toBeLessThan(60);
  });

  it("delivers copies of the same message", async () => {
    await clerk.webhooks.disturb({ copies: 10 });
    await createUsers(1);
    await clerk.webhooks.drain();
    expect(received).toHaveLength(10);
    expect(new Set(ids()).size).toBe(1);
    expect(await clerk.webhooks.totals()).toMatchObject({ events: 1, delivered: 1, attempts: 10 });
  });

  it("changes the order and loses no event", async () => {
    await clerk.webhooks.disturb({ shuffle: 8, delayMs: [0, 5] });
    const created = await createUsers(20);
    await clerk.webhooks.drain();
    expect(userIds().toSorted()).toEqual(created.toSorted());
    expect(userIds()).not.toEqual(created);
  });

  it("holds all deliveries until they are released in the requested order", async () => {
    await clerk.webhooks.hold();
    const created = await createUsers(5);
    await clerk.webhooks.drain();
    expect(received).toEqual([]);
    await clerk.webhooks.release({ order: "reversed" });
    await clerk.webhooks.drain();
    expect(userIds()).toEqual(created.toReversed());
  });

  it("has no disturbance after calm()", async () => {
    await clerk.webhooks.disturb({ loseShare: 1, copies: 3 });
    await clerk.webhooks.calm();
    await createUsers(1);
    await clerk.webhooks.drain();
    expect(received).toHaveLength(1);
  });
});
