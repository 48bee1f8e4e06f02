import { beforeAll, expect, test, vi } from "vitest";
import { buildConsole, type ConsoleBundle } from "./console-bundle.ts";

let bundle: ConsoleBundle;

beforeAll(async () => {
  // Vite would build React's development version for tests.
  vi.stubEnv("NODE_ENV", "production");
  bundle = await buildConsole();
}, 60_000);

test("the first load of each page stays below 200 kB", () => {
  expect([...bundle.firstLoads.keys()]).toContain("overview");
  expect(bundle.firstLoads.size).toBeGreaterThan(10);
  for (const [page, bytes] of bundle.firstLoads) expect(bytes, page).toBeLessThan(200_000);
});

test("a chart's code is loaded by the pages that show one", () => {
  const smallest = Math.min(...bundle.firstLoads.values());
  expect(bundle.firstLoads.get("overview")).toBeGreaterThan(smallest + 15_000);
});

test("the page has no inline script and no inline style, which its content security policy refuses", () => {
  expect(bundle.html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/i);
});

test("files have the hash of their content in their names, and are below /admin/assets/", () => {
  const addresses = [...bundle.html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  expect(addresses).not.toEqual([]);
  for (const address of addresses)
    expect(address).toMatch(/^\/admin\/(assets\/[\w-]+-[\w-]{8}\.(js|css)|icon\.svg)$/);
});
