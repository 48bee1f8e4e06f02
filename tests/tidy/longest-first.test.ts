import { expect, test } from "vitest";
import { longest } from "../longest-first.ts";
import { readText } from "./tree.ts";

test("every test file in the list of longest files exists", () => {
  expect(longest.filter((path) => readText(path) === "")).toEqual([]);
});
