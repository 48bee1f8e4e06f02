import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { connectRedis } from "./connect-redis.ts";

/** A node that only listens. `heard` is the first data that a client sends. */
async function listen(): Promise<{ port: number; heard: Promise<Buffer> }> {
  const server = createServer();
  const heard = new Promise<Buffer>((resolve) => {
    server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (bytes) => {
        socket.destroy();
        resolve(bytes);
      });
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, heard };
}

function connect(nodes: readonly string[]) {
  const client = connectRedis(nodes, {}, () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

const handshake = 0x16;

test.each([
  ["one node", 1],
  ["a cluster", 2],
])("rediss:// of %s sends nothing unencrypted", async (_, count) => {
  const nodes = await Promise.all(Array.from({ length: count }, listen));
  connect(nodes.map(({ port }) => `rediss://:s3cret@localhost:${port}`));
  for (const { heard } of nodes) expect((await heard)[0]).toBe(handshake);
});

test("a certificate is compared with the host's name in the URL, not with an address", async () => {
  const [first, second] = await Promise.all([listen(), listen()]);
  const cluster = connect([`rediss://localhost:${first.port}`, `rediss://localhost:${second.port}`]);
  const [node] = (await once(cluster, "+node")) as [Redis];
  expect(node.options.host).toBe("localhost");
});

test("a redis:// node among rediss:// nodes is connected with TLS", async () => {
  const [first, second] = await Promise.all([listen(), listen()]);
  connect([`rediss://:s3cret@127.0.0.1:${first.port}`, `redis://127.0.0.1:${second.port}`]);
  expect((await second.heard)[0]).toBe(handshake);
});
