import { createServer, type Server } from "node:net";
import { findFreePort } from "@rollcall/local-services";
import { afterEach, expect, test } from "vitest";
import { settlePorts } from "./ports.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function take(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
}

/** The ports that npm start uses for four wanted ones that follow each other. */
async function settle(first: number, named: ("api" | "worker")[] = []) {
  const said: string[] = [];
  const wanted = { api: first, worker: first + 1, simulator: first + 2, example: first + 3 };
  const options = { wanted, named: new Set(named), leftBehind: false };
  const settled = await settlePorts({ ...options, say: (sentence) => said.push(sentence) });
  return { settled, said };
}

test("for a default port that is taken the next free one is used, never another part's, and both are named", async () => {
  const first = await findFreePort();
  await take(first);
  await take(first + 1);
  const { settled, said } = await settle(first);
  expect(settled.api).toBeGreaterThan(first + 3);
  expect(settled.worker).toBeGreaterThan(settled.api);
  for (const sentence of [
    `Port ${first} is in use by another program, so PORT is ${settled.api} this time.`,
    `Port ${first + 1} is in use by another program, so WORKER_PORT is ${settled.worker} this time.`,
  ])
    expect(said).toContain(sentence);
});

test("a port that the operator named stays, and is an error when it is taken", async () => {
  const first = await findFreePort();
  await take(first);
  await expect(settle(first, ["api"])).rejects.toThrow(`Port ${first} is in use by another program.`);
  expect((await settle(first, ["worker"])).settled.worker).not.toBe(first);
});
