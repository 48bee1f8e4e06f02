import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultMapping } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { loadMapping } from "./load-mapping.ts";
import { openServices } from "./open-services.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-mapping-"));

test("without a file, the tables are the default ones", () => {
  expect(loadMapping(undefined)).toBe(defaultMapping);
});

test("a file that cannot be read is named", () => {
  const file = join(folder, "absent.json");
  expect(() => loadMapping(file)).toThrow(`ROLLCALL_CONFIG (${file}): the file cannot be read`);
});

test("no service is opened under a mapping that cannot be used", () => {
  const file = join(folder, "wrong.json");
  writeFileSync(file, JSON.stringify({ ...defaultMapping, profile: 1 }));
  const config = {
    DATABASE_URL: "postgres://127.0.0.1:1/none",
    ROLLCALL_CONFIG: file,
    CLERK_API_URL: "http://127.0.0.1:1",
    ENABLE_AUTO_CREATE: true,
    SESSION_CACHE_TTL_S: 1,
    APP_SESSION_KEY: "session:{clerkId}",
  };
  expect(() => openServices(config, { program: "api" })).toThrow("ROLLCALL_CONFIG");
});
