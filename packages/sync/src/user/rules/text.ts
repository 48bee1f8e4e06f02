/**
 * Text as Postgres can store it: one NUL byte fails a whole statement, and a lone surrogate is no UTF-8.
 * Both become U+FFFD.
 */
export function storableText(value: string): string {
  return value.replaceAll("\0", "\uFFFD").toWellFormed();
}

/** The text without surrounding space, or null when nothing is left. */
export function textOrNull(value: string | null | undefined): string | null {
  const text = value?.trim();
  return text ? storableText(text) : null;
}
