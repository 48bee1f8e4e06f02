import { expect, test } from "vitest";
import { watchUse } from "./last-use.ts";

const minuteMs = 60_000;

test.each(["pointerdown", "keydown", "wheel", "focus"])(
  "a page is in use for a minute after a %s",
  (sign) => {
    const page = new EventTarget() as unknown as Window;
    let nowMs = 0;
    const isInUse = watchUse(page, () => nowMs);
    expect(isInUse()).toBe(true);
    nowMs = minuteMs;
    expect(isInUse()).toBe(false);
    page.dispatchEvent(new Event(sign));
    expect(isInUse()).toBe(true);
    nowMs = 2 * minuteMs;
    expect(isInUse()).toBe(false);
  },
);
