import { once } from "node:events";
import net from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, postWebhook, readQueueCounts, untilProfile } from "../harness/calls.ts";
import { sendRaw } from "../harness/raw-http.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const logins = 10;

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({
      backend,
      // With a long deadline a login waits until the test lets Clerk answer.
      environment: { ENSURE_TIMEOUT_MS: "60000" },
    });
  });
  afterAll(() => system?.stop());

  /** Returns a signed delivery in two parts, split after `cut`. */
  async function cutDelivery(clerkId: string, cut: string): Promise<[string, string]> {
    const body = JSON.stringify({ type: "user.created", data: { id: clerkId } });
    const headers = {
      host: "127.0.0.1",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      ...(await system.clerk.webhooks.sign(body)),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const [before, after] = `POST /api/webhooks/clerk HTTP/1.1\r\n${lines.join("")}\r\n${body}`.split(cut);
    return [`${before}${cut}`, after ?? ""];
  }

  /**
   * Sends the first part. The returned function sends the rest and resolves with the first line of the answer, which is
   * empty when the connection was closed.
   */
  async function beginDelivery(clerkId: string, cut: string): Promise<() => Promise<string>> {
    const [first, rest] = await cutDelivery(clerkId, cut);
    const socket = net.connect(Number(new URL(system.apiUrl).port), "127.0.0.1");
    const answer = new Promise<string>((resolve) => {
      socket.setEncoding("utf8").once("data", (chunk: string) => resolve(chunk.split("\r\n")[0] ?? ""));
      socket.once("close", () => resolve(""));
    });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(first);
    return () => {
      socket.write(rest);
      return answer;
    };
  }

  test("a stopping api answers requests in flight, accepts no new ones, and exits with 0", async () => {
    const people = await Promise.all(
      Array.from({ length: logins + 2 }, () => system.clerk.users.create({}, { silent: true })),
    );
    const [inBody = "", inHead = "", ...atLogin] = people.map(({ id }) => id);
    await system.clerk.faults.add({ kind: "hang" });
    const answers = atLogin.map((clerkId) =>
      ensure(system, clerkId).then(
        ({ status }) => status,
        () => "none",
      ),
    );
    const finishBody = await beginDelivery(inBody, '"data"');
    const finishHead = await beginDelivery(inHead, "content-type: ");
    // The api accepts connections in turn. Once it answers a later one, it has the two deliveries.
    await sendRaw(system.apiUrl, { method: "GET", path: "/healthz", headers: {}, body: undefined });
    await waitFor("all logins to wait", async () => {
      const { waiting, active, delayed } = await readQueueCounts(system, "ensure");
      return waiting + active + delayed >= logins ? true : undefined;
    });

    const stopped = system.api.stop("SIGTERM");
    await waitFor("the api to accept no connection", async () =>
      fetch(`${system.apiUrl}/healthz`).then(
        () => undefined,
        () => true,
      ),
    );
    const deliveries = [await finishBody(), await finishHead()];
    await system.clerk.faults.heal();
    const statuses = await Promise.all(answers);
    expect({ deliveries, statuses, code: await stopped }).toEqual({
      deliveries: ["HTTP/1.1 200 OK", "HTTP/1.1 503 Service Unavailable"],
      statuses: Array.from({ length: logins }, () => 200),
      code: 0,
    });
    // A 200 promises that the job is queued. Clerk sends a delivery again that was answered with 503.
    await untilProfile(system, inBody);
    system.api = system.startApi();
    await system.untilReady();
    const again = JSON.stringify({ type: "user.created", data: { id: inHead } });
    expect((await postWebhook(system, again)).status).toBe(200);
    await untilProfile(system, inHead);
  });
});
