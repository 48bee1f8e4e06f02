import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

/** What the logger writes of a driver's error. */
function write(fields: { severity: string; code: string }, message: string): string {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const log = createLogger({ level: "info", process: "test", destination });
  log.warn({ err: Object.assign(new Error(message), fields) }, "Something failed");
  return lines.join("");
}

test("the server's reason for a refused connection is logged, because it quotes no row", () => {
  const line = write({ severity: "FATAL", code: "XX000" }, "max clients reached");
  expect(line).toContain("Postgres ended the connection: max clients reached");
});

test("the message of a statement's error is left out, because it may quote a row", () => {
  const line = write({ severity: "ERROR", code: "23505" }, "Key (email)=(ana@example.com) already exists");
  expect(line).not.toContain("ana@example.com");
});
