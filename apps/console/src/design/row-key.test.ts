import { expect, test } from "vitest";
import { shortenKey } from "./row-key.ts";

test.each([
  [7, "7"],
  ["ana", "ana"],
  ["2147483648", "2147483648"],
  // Made one after the other, such keys begin alike.
  ["0190163d-8694-739b-aea5-966c26f8ad91", "…26f8ad91"],
])("the key %s is shown as %s", (key, shown) => {
  expect(shortenKey(key)).toBe(shown);
});
