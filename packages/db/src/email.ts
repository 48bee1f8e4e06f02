import { type SQL, sql } from "drizzle-orm";

/**
 * Characters that may surround a text without belonging to it: Unicode's white space, and characters of no width such as
 * the zero-width space, direction marks and the BOM. Spreadsheets and address books add them. First and last code points.
 */
const surrounding: readonly (readonly [number, number])[] = [
  [0x0009, 0x000d],
  [0x0020, 0x0020],
  [0x0085, 0x0085],
  [0x00a0, 0x00a0],
  [0x00ad, 0x00ad],
  [0x061c, 0x061c],
  [0x1680, 0x1680],
  [0x180e, 0x180e],
  [0x2000, 0x200f],
  [0x2028, 0x202f],
  [0x205f, 0x2064],
  [0x2066, 0x206f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];

const surroundingCodes = new Set(
  surrounding.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  ),
);

/**
 * The text without the characters that surround it. `rollcall.fold_email()` trims the same. A regular expression would
 * look for the end of the text behind each character.
 */
export function trimText(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && surroundingCodes.has(text.charCodeAt(start))) start++;
  while (start < end && surroundingCodes.has(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const escapes = [...surroundingCodes].map((code) => `\\u${code.toString(16).padStart(4, "0")}`);

/**
 * The bodies of `rollcall.fold_email(email)` and `rollcall.near_email(email)` in SQL; a test compares them with the
 * migration. The schema needs them, because an app may push it to a database without the functions. Postgres inlines the
 * functions, so queries find the indexes either way. It inlines no strict function that has a `case`.
 *
 * Two emails are the same if their folded forms are equal. lower() has the collation C, because in any other one it maps
 * further letters onto ASCII letters, and then the addresses of two people could match. translate() would give the same
 * and takes ten times as long. Emails with equal near forms may be of one person, and an operator decides. The near form
 * of an ASCII text, which has as many bytes as characters, is the folded one.
 */
export const foldedEmailSql = (email: string) =>
  `(lower(btrim(${email}, E'${escapes.join("")}') collate "C") collate "default")`;

export const nearEmailSql = (email: string) =>
  `(case when octet_length(${email}) = length(${email}) then ${foldedEmailSql(email)} else ${nearestEmailSql(email)} end)`;

const nearestEmailSql = (email: string) =>
  `(normalize(lower(upper(normalize(${foldedEmailSql(email)}, NFD) collate "und-x-icu")), NFC) collate "default")`;

export const foldedEmail: SQL = sql.raw(foldedEmailSql("email::text"));
export const nearEmail: SQL = sql.raw(nearEmailSql("email::text"));
