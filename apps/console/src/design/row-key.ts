import type { RowKey } from "@rollcall/contracts";

const longestWhole = 12;
const shownEnd = 8;

/** A key of the app's tables for a heading or a button. Of a long one it is the end: keys of one time begin alike. */
export function shortenKey(key: RowKey): string {
  const text = String(key);
  return text.length > longestWhole ? `…${text.slice(-shownEnd)}` : text;
}
