import { errorTable, logEvents, metricTable } from "@rollcall/contracts";

/** A shorter value may be a part of any word, so replacing it would make lines unreadable. */
const minLength = 8;
const replacement = "[redacted]";

/** Names that operators search for. A password like `postgres` is a part of them and is not replaced. */
const stableNames = [...logEvents, ...Object.keys(errorTable), ...Object.keys(metricTable)]
  .join(" ")
  .toLowerCase();

/**
 * Makes a function that replaces configured secrets wherever they appear in a text, also inside of JSON strings and URLs.
 * It is the last line of defence: no code writes a secret on purpose, but a driver may quote its address in an error.
 *
 * @param secrets as `listSecrets` of contracts names them
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(secrets.flatMap(listForms).filter(isDistinct));
  // The longest first, so that a secret inside of another one does not leave the rest of it.
  const pattern = [...forms].sort((a, b) => b.length - a.length).map(escapePattern);
  if (pattern.length === 0) return (text) => text;
  // Not inside of an escape: `\\n` before the rest of a word is a line break, and no letter n.
  const all = new RegExp(`(?<=(?<!\\\\)(?:\\\\\\\\)*)(?:${pattern.join("|")})`, "g");
  // The look behind each character takes most of the time, and hardly any line needs it.
  const any = new RegExp(pattern.join("|"));
  return (text) => (any.test(text) ? text.replace(all, replacement) : text);
}

/** A secret as it is, as JSON and URLs write it, and decoded. */
function listForms(secret: string): string[] {
  const plain = [secret, encodeURIComponent(secret), encodeURI(secret), decode(secret)];
  return [...plain, ...plain.map((form) => JSON.stringify(form).slice(1, -1))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isDistinct(form: string): boolean {
  return form.length >= minLength && !stableNames.includes(form.toLowerCase());
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
