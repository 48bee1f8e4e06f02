import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { storableText } from "./storable-text.ts";

describe("text for Postgres", () => {
  test("NUL bytes and lone surrogates become U+FFFD, and other characters stay", () => {
    expect(storableText("a\0b")).toBe("a\uFFFDb");
    expect(storableText("a\uD800b\uDC00")).toBe("a\uFFFDb\uFFFD");
    expect(storableText("maçã 🍎")).toBe("maçã 🍎");
  });

  test("any text becomes well-formed and free of NUL", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const stored = storableText(text);
        expect(stored.isWellFormed()).toBe(true);
        expect(stored).not.toContain("\0");
      }),
    );
  });
});
