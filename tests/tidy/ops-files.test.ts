import { expect, test } from "vitest";
import { listOpsFiles } from "../../build/ops/list-ops-files.ts";
import { readText } from "./tree.ts";

test.each([...listOpsFiles()])("%s is what npm run ops writes", (path, text) => {
  expect(readText(path)).toBe(text);
});
