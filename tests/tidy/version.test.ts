import { version } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { z } from "zod";
import { readText } from "./tree.ts";

test("the version that processes report is the one of the root's package.json", () => {
  expect(version).toBe(z.object({ version: z.string() }).parse(JSON.parse(readText("package.json"))).version);
});
