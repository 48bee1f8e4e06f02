import { expect, test } from "vitest";
import { measureBundle } from "./bundle-size.ts";

test.each([
  ["@rollcall/client", 'export * from "./index.ts";', 3_450],
  ["@rollcall/client/react", 'export * from "./react.ts";', 5_600],
  ["@rollcall/client/query", 'export * from "./query.ts";', 2_000],
])("%s stays below its size", async (_, code, bytes) => {
  expect(await measureBundle(code)).toBeLessThan(bytes);
});

test("an unused export adds no bytes", async () => {
  expect(await measureBundle('import { RollcallError } from "./index.ts";')).toBe(0);
  expect(await measureBundle('import { useUserSync } from "./react.ts";')).toBe(0);
  const [one, all] = await Promise.all([
    measureBundle('export { useUserSync } from "./react.ts";'),
    measureBundle('export * from "./react.ts";'),
  ]);
  expect(one).toBeLessThan(all / 2);
});

test("a dependency that is not a peer is counted", async () => {
  const alone = await measureBundle('export { RollcallError } from "./index.ts";');
  expect(
    await measureBundle('export { RollcallError } from "./index.ts"; export { z } from "zod";'),
  ).toBeGreaterThan(alone + 10_000);
});

test("a Node module does not bundle", async () => {
  await expect(measureBundle('export { createHash } from "node:crypto";')).rejects.toThrow("node:crypto");
});
