/** One JSON document on standard output and nothing else. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

const grouped = new Intl.NumberFormat("en-US");

export function formatNumber(count: number): string {
  return grouped.format(count);
}

/** Texts of other people may move the cursor, change colours or reverse the line. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Rows as lines of a terminal, indented by two, in aligned columns. The first row may hold the titles.
 *
 * @param rows a number is a count: it is grouped, and aligned to the right. An id is a text
 */
export function formatTable(rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) =>
    row.map((cell) =>
      typeof cell === "number"
        ? { text: formatNumber(cell), right: true }
        : { text: cell.replaceAll(unprintable, "\u{fffd}"), right: false },
    ),
  );
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.text.length ?? 0)));
  return cells.map((row) => {
    const padded = row.map(({ text, right }, column) => {
      const width = widths?.[column] ?? 0;
      return right ? text.padStart(width) : text.padEnd(width);
    });
    return `  ${padded.join("  ")}`.trimEnd();
  });
}
