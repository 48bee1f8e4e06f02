import { createServer, type Server } from "node:net";

/** One message of Postgres' protocol. */
function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const ready = message("Z", Buffer.from("I"));
const welcome = Buffer.concat([message("R", Buffer.alloc(4)), ready]);

/** Postgres' ids of its types. */
const [int4, text] = [23, 25];

/** A result of one row with one column. */
function result(column: string, value: string): Buffer {
  const count = Buffer.from([0, 1]);
  const type = /^\d+$/.test(value) ? int4 : text;
  const form = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, type, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(value.length);
  return Buffer.concat([
    message("T", Buffer.concat([count, Buffer.from(`${column}\0`), form])),
    message("D", Buffer.concat([count, length, Buffer.from(value)])),
    message("C", Buffer.from("SELECT 1\0")),
    ready,
  ]);
}

/**
 * A server that accepts every login and answers each simple query with `[column, value]`. It stands for servers that
 * the tests do not have, such as an old one or one behind a transaction pooler.
 */
export function createFakePostgres(answer: (sql: string) => [string, string]): Server {
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write(welcome);
      socket.on("data", (bytes) => {
        if (bytes[0] !== "Q".charCodeAt(0)) return;
        socket.write(result(...answer(bytes.subarray(5, -1).toString())));
      });
    });
  });
}
