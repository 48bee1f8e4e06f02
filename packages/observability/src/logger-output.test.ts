import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

test("a log line holds no character that a terminal obeys, and keeps its values", () => {
  const written: string[] = [];
  const log = createLogger({
    level: "info",
    process: "api",
    destination: { write: (line) => written.push(line) },
  });
  const delivery = "\u001b[2J\u009b1Amsg\u202e\u2028\n";
  log.info({ delivery }, "Accepted");
  expect(written).toHaveLength(1);
  expect(written[0]?.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(JSON.parse(written[0] ?? "")).toMatchObject({ delivery, msg: "Accepted", process: "api" });
});
