import fc from "fast-check";
import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { createRedactor } from "./redact.ts";

const secret = 'p&ss"wörd\\of the\nbase';

function logWith(secrets: readonly string[], write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLogger({ level: "trace", process: "test", secrets, destination }));
  return lines.join("");
}

test("a secret is replaced wherever it stands in a line: message, field, error, cause, stack", () => {
  const cause = new Error(`connect ${secret}`);
  const text = logWith([secret], (log) => {
    log.info(
      { event: "queue_lost", url: `redis://:${encodeURIComponent(secret)}@host`, deep: { secret } },
      secret,
    );
    log.warn({ err: new Error(`not reached: ${secret}`, { cause }) }, "An error");
  });
  expect(text).not.toMatch(/p&ss|p%26ss|of the|ofthe/);
  for (const line of text.trim().split("\n")) expect(JSON.parse(line)).toBeTypeOf("object");
  expect(text).toContain('"event":"queue_lost"');
});

test("no form of any secret of 8 characters or more is left, and a line stays JSON", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 8 }), (value) => {
      const text = logWith([value], (log) => log.info({ value, list: [value] }, `before ${value} after`));
      expect(JSON.parse(text)).toMatchObject({ value: "[redacted]", list: ["[redacted]"] });
    }),
  );
});

test("a password that is a word of our own log, or is too short, leaves lines readable", () => {
  const redact = createRedactor(["postgres", "rollcall", "secret"]);
  const line = '{"event":"postgres_lost","hint":"rollcall keeps no secret"}';
  expect(redact(line)).toBe(line);
});
