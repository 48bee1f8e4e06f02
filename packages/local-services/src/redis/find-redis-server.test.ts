import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findRedisServer } from "./find-redis-server.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(path: string, mode: number): string {
  const file = join(folder, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, "#!/bin/sh\n", { mode });
  return file;
}

function pathOf(...names: string[]): string {
  return names.map((name) => join(folder, name)).join(delimiter);
}

test("redis-server is preferred to valkey-server, whatever their order on PATH", () => {
  put("a/valkey-server", 0o755);
  const redis = put("b/redis-server", 0o755);
  expect(findRedisServer(pathOf("a", "b"))).toBe(redis);
});

test("without redis-server, valkey-server is found", () => {
  expect(findRedisServer(pathOf("none", "a"))).toBeUndefined();
  const valkey = put("a/valkey-server", 0o755);
  expect(findRedisServer(pathOf("none", "a"))).toBe(valkey);
});

test("a file that is not executable, a folder and a broken link are skipped; a link is followed", () => {
  put("a/redis-server", 0o644);
  mkdirSync(join(folder, "b/redis-server"), { recursive: true });
  mkdirSync(join(folder, "c"));
  symlinkSync("/nowhere", join(folder, "c/redis-server"));
  expect(findRedisServer(pathOf("a", "b", "c"))).toBeUndefined();

  mkdirSync(join(folder, "d"));
  symlinkSync(put("real/redis", 0o755), join(folder, "d/redis-server"));
  expect(findRedisServer(pathOf("a", "b", "c", "d"))).toBe(join(folder, "d/redis-server"));
});

test("without a PATH no server is found", () => {
  expect(findRedisServer(undefined)).toBeUndefined();
  expect(findRedisServer("")).toBeUndefined();
});
