import { expect, test } from "vitest";
import { countDaysLeft } from "./days-left.ts";

test.each([
  [new Date(2026, 0, 1), 31],
  [new Date(2026, 0, 31, 23, 59), 1],
  [new Date(2026, 1, 28), 1],
  [new Date(2028, 1, 28), 2],
  [new Date(2026, 11, 30), 2],
])("on %s there are %i days left", (today, days) => {
  expect(countDaysLeft(today)).toBe(days);
});
