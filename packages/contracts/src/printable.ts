/**
 * Characters that a terminal obeys or that change how a line reads: controls (line breaks, ANSI sequences, C1), formats
 * (text direction, zero width, tags), line and paragraph separators, and halves of a surrogate pair.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * One line of text for a terminal or a log file. Names, addresses and other texts of users may hold any character; each
 * that is not printable becomes U+FFFD. A tab and a line break are not printable either.
 */
export function toPrintable(text: string): string {
  return text.replace(unprintable, "\u{fffd}");
}

/** Several lines of text: as `toPrintable`, and `\n` stays. Texts of users go through `toPrintable` before they get here. */
export function toPrintableLines(text: string): string {
  return text.split("\n").map(toPrintable).join("\n");
}

/** ASCII alone, as nearly every line of the log. It is found in half the time of the whole search. */
const plainLines = /^[\n -~]*$/;

/** The same JSON value with each unprintable character escaped, for a terminal. `JSON.stringify` escapes only C0. */
export function toPrintableJson(json: string): string {
  if (plainLines.test(json)) return json;
  return json.replace(unprintable, (character) => (character === "\n" ? character : escapeUnits(character)));
}

/** A character beyond U+FFFF is two units in JSON. */
function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index).toString(16);
    return `\\u${unit.padStart(4, "0")}`;
  }).join("");
}
