import { once } from "node:events";
import net from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createPool } from "./pool.ts";
import { inTransaction } from "./transaction.ts";

/** A message of Postgres' protocol: a letter, the length, the content. */
function message(letter: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter, 0, "latin1");
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

const authenticated = message("R", Buffer.alloc(4));
const ready = message("Z", Buffer.from("I"));
const terminated = message("E", Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"));

test("a connection that ends at the moment it is ready fails the transaction and nothing else", async () => {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.concat([authenticated, ready, terminated])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo; // TCP servers have one.
  const pool = createPool({
    databaseUrl: `postgres://user@127.0.0.1:${port}/any`,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  onTestFinished(async () => {
    await pool.end();
    server.close();
  });
  await expect(inTransaction(pool, (client) => client.query("select 1"))).rejects.toThrow();
});
