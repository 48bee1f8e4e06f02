import { expect, test } from "vitest";
import { longest } from "../longest-first.ts";
import { readText } from "./tree.ts";

test("every test that is to begin first exists", () => {
  expect(longest.filter((path) => readText(path) === "")).toEqual([]);
});
