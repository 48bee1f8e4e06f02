import { expect, test } from "vitest";
import { type KeyType, keyOf } from "./ids.ts";

test.each<[KeyType, unknown, string | number]>([
  ["integer", 7, 7],
  ["bigint", "9223372036854775807", "9223372036854775807"],
  ["bigint", 7, "7"],
  ["uuid", "3F2504E0-4F89-11D3-9A0C-0305E82C3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"],
  ["text", "cku1", "cku1"],
  ["text", 7, "7"],
])("a key of type %s: %j is %j, as answers have it", (type, written, key) => {
  expect(keyOf(type).parse(written)).toBe(key);
});

test.each<[KeyType, unknown]>([
  ["integer", "7"],
  ["integer", 0],
  ["bigint", "9223372036854775808"],
  ["bigint", "1e3"],
  ["uuid", "7"],
  ["text", ""],
  ["text", "a\0"],
])("no key of type %s: %j", (type, written) => {
  expect(keyOf(type).safeParse(written).success).toBe(false);
});
