import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeOnOneBackend } from "../harness/backends.ts";
import { postWebhook, readRows, untilProfile } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Clerk's own published examples. They are next to the repository, not in it. */
const examples = new URL("../../../shared/fixtures/clerk-events/", import.meta.url);
const hasExamples = existsSync(examples);

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const event = (type: string, data: unknown) =>
    JSON.stringify({ object: "event", type, timestamp: Date.now(), data });
  const created = () => event("user.created", { id: "user_answers" });
  const nowS = () => Math.floor(Date.now() / 1_000);

  test.each(["text/plain", "application/x-www-form-urlencoded", undefined])(
    "415 for content type %s",
    async (type) => {
      const answer = await postWebhook(system, Buffer.from(created()), { "content-type": type });
      expect(answer).toMatchObject({
        status: 415,
        body: { error: { code: "request.unsupported_media_type" } },
      });
    },
  );

  test("413 over 256 KB, also with a valid signature", async () => {
    const answer = await postWebhook(
      system,
      event("user.created", { id: "user_big", x: "a".repeat(256 * 1024) }),
    );
    expect(answer).toMatchObject({ status: 413, body: { error: { code: "request.too_large" } } });
  });

  test("a body just under 256 KB is accepted", async () => {
    const body = event("user.created", { id: "user_large", x: "a".repeat(255 * 1024) });
    expect((await postWebhook(system, body)).status).toBe(200);
  });

  describe("400 webhook.invalid_signature, with one body for all reasons", () => {
    test.each<[string, () => Promise<Record<string, string | undefined>>]>([
      ["no svix-id", async () => ({ "svix-id": undefined })],
      ["no svix-timestamp", async () => ({ "svix-timestamp": undefined })],
      ["no svix-signature", async () => ({ "svix-signature": undefined })],
      ["another secret's signature", async () => ({ "svix-signature": `v1,${"A".repeat(43)}=` })],
      ["a signature of no known version", async () => ({ "svix-signature": "v2,abc" })],
      ["a bare version", async () => ({ "svix-signature": "v1" })],
      ["another id than the signed one", async () => ({ "svix-id": "msg_other" })],
      [
        "a timestamp six minutes ago",
        async () => ({ ...(await system.clerk.webhooks.sign(created(), { timestamp: nowS() - 360 })) }),
      ],
      [
        "a timestamp six minutes ahead",
        async () => ({ ...(await system.clerk.webhooks.sign(created(), { timestamp: nowS() + 360 })) }),
      ],
    ])("%s", async (_reason, headers) => {
      const { status, body } = await postWebhook(system, created(), {
        "accept-language": "en",
        ...(await headers()),
      });
      expect({ status, body }).toEqual({
        status: 400,
        body: {
          error: { code: "webhook.invalid_signature", message: "Invalid signature." },
          requestId: expect.any(String),
        },
      });
    });

    test("a body that changed by one byte", async () => {
      const signed = await system.clerk.webhooks.sign(created());
      const answer = await postWebhook(system, created().replace("user_answers", "user_Answers"), {
        ...signed,
      });
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "webhook.invalid_signature" } } });
    });
  });

  test.each([
    ["text that is no JSON", "not json at all"],
    ["an empty body", " "],
    ["JSON without an envelope", "[1,2,3]"],
    ["an event without a user id", event("user.updated", { object: "user" })],
    ["an id that is no user's", event("user.updated", { id: "org_123" })],
    ["a deletion without id, as Clerk may send it", event("user.deleted", { object: "user", deleted: true })],
    ["a session without a user", event("session.created", { id: "sess_1" })],
  ])("200 quarantined for %s", async (_input, body) => {
    const signed = await system.clerk.webhooks.sign(body);
    expect(await postWebhook(system, body, { ...signed })).toMatchObject({
      status: 200,
      body: { status: "quarantined", id: signed["svix-id"] },
    });
  });

  test.each(["user.created", "user.createdAtEdge", "user.updated", "user.deleted"])(
    "200 accepted for %s",
    async (type) => {
      const body = event(type, { id: "user_accepted" });
      const signed = await system.clerk.webhooks.sign(body);
      const answer = await postWebhook(system, body, { ...signed });
      expect(answer).toMatchObject({ status: 200, body: { status: "accepted", id: signed["svix-id"] } });
      expect(Object.keys(answer.body as object)).toEqual(["status", "id"]);
    },
  );

  test("200 accepted for session.created", async () => {
    const body = event("session.created", { id: "sess_1", user_id: "user_accepted" });
    expect(await postWebhook(system, body)).toMatchObject({ status: 200, body: { status: "accepted" } });
  });

  test.each(["email.created", "organization.created", "something.unheard.of"])(
    "200 ignored for %s",
    async (type) => {
      const body = event(type, { id: "whatever" });
      expect(await postWebhook(system, body)).toMatchObject({ status: 200, body: { status: "ignored" } });
    },
  );

  test("the signature is verified over the raw bytes: odd spacing, escapes and big numbers", async () => {
    const person = await system.clerk.users.create({ firstName: "Raw" }, { silent: true });
    const body = `\n {  "type" :"user.created",\t"data":{"id":"${person.id}","note":"a \\u0026 b \\/ c","n":12345678901234567890.10e3 },\r\n"timestamp":1654012591835}  `;
    expect(await postWebhook(system, body)).toMatchObject({ status: 200, body: { status: "accepted" } });
    await untilProfile(system, person.id);
  });

  test("a delivery through the relay of Clerk's command verifies: its headers are added to, its body is the same", async () => {
    const { url } = await system.clerk.webhooks.settings();
    // As `clerk webhooks listen --forward-to` does it: the headers of the hop are left out, and the body passes as a text.
    const ofTheHop = ["connection", "host", "transfer-encoding", "keep-alive", "content-length"];
    const relay = createHttpServer(async (request, response) => {
      const kept = Object.entries(request.headers).filter(([name]) => !ofTheHop.includes(name));
      const passed = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
      const proxied = { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" };
      const body = await text(request);
      const answer = await fetch(String(url), { method: "POST", headers: { ...passed, ...proxied }, body });
      response.writeHead(answer.status).end();
    });
    await once(relay.listen(0, "127.0.0.1"), "listening");
    const { port } = relay.address() as AddressInfo; // It listens on a port and on no pipe.
    await system.clerk.webhooks.configure({ url: `http://127.0.0.1:${port}/in/c_AbCd123456/` });
    const { id } = await system.clerk.users.create({ firstName: "João", lastName: "✓" });
    await system.clerk.webhooks.drain();
    const states = (await system.clerk.webhooks.list({ userId: id })).map(({ state }) => state);
    await system.clerk.webhooks.configure({ url });
    relay.close();
    expect(states).toEqual(["delivered"]);
  });

  test("the envelope's timestamp may be seconds, milliseconds or missing", async () => {
    for (const timestamp of [nowS(), Date.now(), undefined, "soon"]) {
      const body = JSON.stringify({ type: "user.created", data: { id: "user_time" }, timestamp });
      expect(await postWebhook(system, body)).toMatchObject({ body: { status: "accepted" } });
    }
  });

  describe.skipIf(!hasExamples)(
    `Clerk's published examples${hasExamples ? "" : " (skipped: not beside the project)"}`,
    () => {
      const names = hasExamples ? readdirSync(examples).filter((name) => name.endsWith(".json")) : [];
      // The deletion comes last, because Clerk's ids never come back.
      const files = names.toSorted((a, b) => Number(a.includes("deleted")) - Number(b.includes("deleted")));
      test.each(files)("%s gets its answer", async (file) => {
        const body = readFileSync(new URL(file, examples));
        const { type, data } = JSON.parse(body.toString("utf8"));
        if (type === "user.created" || type === "user.updated") await mirror(system, data);
        // Another example may have made the user, and a deletion of a user that Clerk has is not believed.
        if (type === "user.deleted" && (await system.clerk.users.find(data.id)))
          await system.clerk.users.delete(data.id, { silent: true });
        const answer = await postWebhook(system, body);
        const expected = type.startsWith("user.") ? "accepted" : "ignored";
        expect(answer).toMatchObject({ status: 200, body: { status: expected } });
        if (type === "user.deleted") {
          await waitFor("the tombstone", async () => {
            const { users } = await readRows(system, data.id);
            return users[0]?.["deleted_at"] ? true : undefined;
          });
        } else if (expected === "accepted") {
          await untilDecided(system, data.id);
        }
      });
    },
  );
});

/** Creates the example's user in the simulator, unless another example has done so. */
async function mirror(
  system: System,
  data: { id: string; first_name: string; last_name: string },
): Promise<void> {
  if (await system.clerk.users.find(data.id)) return;
  await system.clerk.users.create(
    { id: data.id, firstName: data.first_name, lastName: data.last_name },
    { silent: true },
  );
}

/** Waits for a profile, or for a tombstone if the example of a deletion came first, because ids are never reused. */
async function untilDecided(system: System, clerkId: string): Promise<void> {
  await waitFor(`rows of ${clerkId}`, async () => {
    const { users, mentorados } = await readRows(system, clerkId);
    return mentorados.length > 0 || users[0]?.["deleted_at"] ? true : undefined;
  });
}

test("without a signing secret the webhook route answers 503 and names the variable, and the api is ready", async () => {
  const system = await startSystem({
    backend: "postgres",
    environment: { CLERK_WEBHOOK_SIGNING_SECRET: "" },
  });
  const answer = await postWebhook(system, "{}");
  expect(answer).toMatchObject({ status: 503, body: { error: { code: "webhook.not_configured" } } });
  expect(JSON.stringify(answer.body)).toContain("CLERK_WEBHOOK_SIGNING_SECRET");
  expect((await fetch(`${system.apiUrl}/readyz`)).status).toBe(200);
  await system.stop();
});

test("while a secret is rotated, both the old and the new one are accepted", async () => {
  const [oldSecret, newSecret] = ["old", "new"].map(
    (word) => `whsec_${Buffer.from(`the ${word} secret of an endpoint`).toString("base64")}`,
  );
  const system = await startSystem({
    backend: "postgres",
    environment: { CLERK_WEBHOOK_SIGNING_SECRET: `${oldSecret}, ${newSecret}` },
  });
  for (const secret of [oldSecret, newSecret]) {
    await system.clerk.webhooks.configure({ secrets: [secret ?? ""] });
    const body = JSON.stringify({ type: "user.updated", data: { id: "user_rotated" } });
    expect(await postWebhook(system, body)).toMatchObject({ status: 200, body: { status: "accepted" } });
  }
  await system.stop();
});

test("a port in use ends the api with a sentence that names the variable", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await waitFor("the blocker", async () => (blocker.listening ? true : undefined));
  const address = blocker.address();
  const system = await startSystem({ backend: "postgres" });
  const port = String(typeof address === "object" ? address?.port : address);
  const second = runProcess("apps/api/dist/main.js", { ...system.environment, PORT: port });
  expect(await second.exited).toBe(1);
  expect(second.output()).toContain("set PORT");
  blocker.close();
  await system.stop();
});
