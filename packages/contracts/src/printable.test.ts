import fc from "fast-check";
import { expect, test } from "vitest";
import { toPrintable, toPrintableJson, toPrintableLines } from "./printable.ts";

const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test.each([
  ["an ANSI colour", "\u{1b}[31mred", "\u{fffd}[31mred"],
  ["a title of the terminal", "\u{1b}]0;title\u{7}", "\u{fffd}]0;title\u{fffd}"],
  ["a C1 sequence", "\u{9b}2J", "\u{fffd}2J"],
  ["a line break", "Ana\nOK user_1", "Ana\u{fffd}OK user_1"],
  ["a carriage return", "Ana\rBia", "Ana\u{fffd}Bia"],
  ["a backspace and a delete", "a\u{8}b\u{7f}c", "a\u{fffd}b\u{fffd}c"],
  ["a NUL", "a\u{0}b", "a\u{fffd}b"],
  ["reversed text", "user\u{202e}nimda", "user\u{fffd}nimda"],
  ["isolated text", "\u{2066}x\u{2069}", "\u{fffd}x\u{fffd}"],
  ["zero width", "a\u{200b}\u{feff}b", "a\u{fffd}\u{fffd}b"],
  ["separators", "a\u{2028}b\u{2029}c", "a\u{fffd}b\u{fffd}c"],
  ["a tag", "a\u{e0041}b", "a\u{fffd}b"],
  ["half of a pair", "a\u{d800}b", "a\u{fffd}b"],
])("%s is not printed", (_name, text, printed) => expect(toPrintable(text)).toBe(printed));

test.each(["João Nuñez", "日本語", "عربي", "😀", "e\u{301}", "a b", ""])("%s stays as it is", (text) => {
  expect(toPrintable(text)).toBe(text);
});

test.each(["\u{1b}", "\u{9b}", "\u{7f}", "\u{0}", "\r", "\u{202e}", "\u{feff}"])(
  "%j alone in a line of ASCII is escaped in JSON",
  (character) => expect(toPrintableJson(`{"a":"b${character}c"}`)).not.toMatch(unsafe),
);

const anyText = fc.string({ unit: "binary" });

test("no text has an unprintable character afterwards, and lines keep their number", () => {
  fc.assert(
    fc.property(fc.array(anyText), (lines) => {
      const text = lines.join("\n");
      expect(toPrintable(text)).not.toMatch(unsafe);
      expect(toPrintableLines(text).split("\n")).toHaveLength(text.split("\n").length);
      expect(toPrintableLines(text).replaceAll("\n", "")).not.toMatch(unsafe);
    }),
  );
});

test("a JSON document keeps its value and has no unprintable character except line breaks", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const json = JSON.stringify(value, null, 2);
      const printed = toPrintableJson(json);
      expect(printed.replaceAll("\n", "")).not.toMatch(unsafe);
      expect(JSON.stringify(JSON.parse(printed))).toBe(JSON.stringify(value));
    }),
  );
});
