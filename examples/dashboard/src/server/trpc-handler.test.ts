import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRollcallClient } from "@rollcall/client";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAppRouter } from "./router.ts";
import { createTrpcHandler } from "./trpc-handler.ts";

let server: Server;
let url: string;
let lines: string[];
beforeEach(async () => {
  lines = [];
  // Neither is reached: without a token no query runs.
  const rollcall = createRollcallClient({ baseUrl: "http://127.0.0.1:1" });
  const router = createAppRouter({ pool: new pg.Pool(), rollcall });
  const keys = { CLERK_JWT_KEY: "", CLERK_AUTHORIZED_PARTIES: [] };
  server = createServer(createTrpcHandler({ router, keys, log: (line) => lines.push(line) }));
  await once(server.listen(0, "127.0.0.1"), "listening");
  // A port is an AddressInfo unless the server listens on a pipe.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/trpc/`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const batch = (calls: number) => `${url}${Array(calls).fill("goals").join(",")}?batch=1&input={}`;

test("a request of 1,000 calls is refused as a whole", async () => {
  const answer = await fetch(batch(1_000));
  expect(answer.status).toBe(400);
  expect(lines).toEqual(["a call without a valid name: BAD_REQUEST"]);
});

test("the page's batch of two queries is answered call by call", async () => {
  const answer = await fetch(batch(2));
  expect(answer.status).toBe(401);
  expect(await answer.json()).toHaveLength(2);
  expect(lines).toEqual(["goals: UNAUTHORIZED", "goals: UNAUTHORIZED"]);
});

test("the log holds no text of the caller", async () => {
  await fetch(`${url}%1b[31mred%0agoals:%20OK%e2%80%ae`);
  await fetch(`${url}${"a".repeat(500)}`);
  expect(lines).toEqual(Array(2).fill("a call without a valid name: NOT_FOUND"));
});
