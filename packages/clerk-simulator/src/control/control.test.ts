import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { verifyToken } from "@clerk/backend";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type ClerkSimulator,
  connectClerkSimulator,
  type RemoteClerkSimulator,
  startClerkSimulator,
} from "../index.ts";

describe("the control over HTTP", () => {
  let clerk: ClerkSimulator;
  let remote: RemoteClerkSimulator;

  beforeEach(async () => {
    clerk = await startClerkSimulator({ seed: 5 });
    remote = await connectClerkSimulator(clerk.url);
  });
  afterEach(() => clerk.stop());

  it("offers every operation of the control in process", () => {
    const namesOf = (control: RemoteClerkSimulator) => {
      const groups = Object.entries(control).filter(([, value]) => typeof value === "object");
      return groups.map(([group, operations]) => [group, Object.keys(operations).sort()]).sort();
    };
    expect(namesOf(remote)).toEqual(namesOf(clerk));
    const { url, port, secretKey, jwtKey } = clerk;
    expect(remote).toMatchObject({ url, port, secretKey, jwtKey });
  });

  it("sees and changes the same users", async () => {
    const { id } = await remote.users.create(undefined, { silent: true });
    const user = await remote.users.update(id, { firstName: "Ana", raw: { last_name: "\u0000\ud800" } });
    expect(await clerk.users.get(id)).toEqual(user);
    expect(await remote.users.find("user_missing")).toBeNull();
    await remote.users.delete(id);
    expect(await clerk.users.find(id)).toBeNull();
    expect(await remote.history.list({ userId: id })).toEqual(await clerk.history.list({ userId: id }));
  });

  it("rejects with the cause for a missing user and for invalid arguments", async () => {
    await expect(remote.users.get("user_missing")).rejects.toThrow("there is no user user_missing");
    await expect(clerk.users.get("user_missing")).rejects.toThrow("there is no user user_missing");
    await expect(remote.users.seed(-1)).rejects.toThrow(/>=\s?0/);
  });

  it("mints tokens, signs deliveries, sets faults and limits", async () => {
    const token = await remote.sessions.mintToken({ userId: "user_x" });
    expect((await verifyToken(token, { jwtKey: remote.jwtKey })).sub).toBe("user_x");
    const options = { id: "msg_1", timestamp: 1 };
    expect(await remote.webhooks.sign("{}", options)).toEqual(await clerk.webhooks.sign("{}", options));
    const id = await remote.faults.add({ kind: "status" });
    expect(await clerk.faults.list()).toMatchObject([{ id, kind: "status" }]);
    await remote.requests.setRateLimit(null);
    await remote.webhooks.drain();
    expect((await remote.webhooks.settings()).secret).toBe((await clerk.webhooks.settings()).secret);
  });

  it("answers GET for an operation without arguments, and 404 for an unknown operation", async () => {
    const answer = await fetch(`${clerk.url}/__sim/users/count`);
    expect(await answer.json()).toEqual({ result: 0 });
    expect((await fetch(`${clerk.url}/__sim/users/constructor`)).status).toBe(404);
  });
});

describe("the simulator as a process", () => {
  const tsx = import.meta.resolve("tsx");
  const main = new URL("../main.ts", import.meta.url).pathname;
  const children: ChildProcess[] = [];
  const start = (env: Record<string, string>) => {
    const child = spawn(process.execPath, ["--import", tsx, main], { cwd: tmpdir(), env });
    children.push(child);
    return child;
  };
  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
  });

  it("prints its URL, has its users, and stops on SIGTERM", { timeout: 60_000 }, async () => {
    const child = start({ SIM_SEED_USERS: "3", SIM_RATE_LIMIT: "5/1000", SIM_WEBHOOK_SECRET: "whsec_YQ==" });
    const [line] = await once(createInterface(child.stdout), "line");
    const remote = await connectClerkSimulator(JSON.parse(line).url);
    expect(await remote.users.count()).toBe(3);
    expect(await remote.webhooks.settings()).toMatchObject({
      url: null,
      secret: "whsec_YQ==",
      secrets: ["whsec_YQ=="],
    });
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("refuses invalid settings", { timeout: 60_000 }, async () => {
    const child = start({ SIM_PORT: "many", SIM_RATE_LIMIT: "fast" });
    let problems = "";
    child.stderr.on("data", (chunk) => {
      problems += chunk;
    });
    expect(await once(child, "exit")).toEqual([2, null]);
    expect(problems).toMatch(/SIM_PORT[\s\S]*SIM_RATE_LIMIT/);
  });
});
