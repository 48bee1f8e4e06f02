import { afterEach, expect, test, vi } from "vitest";
import { findFreePort } from "./free-port.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("servers of one process that are about to listen get different ports, whatever chance says", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  const ports = await Promise.all(Array.from({ length: 40 }, findFreePort));
  expect(new Set(ports).size).toBe(40);
});
