import { toPrintable, toPrintableJson, toPrintableLines } from "@rollcall/contracts";

/** One JSON document on standard output and nothing else. */
export function printJson(value: unknown): void {
  process.stdout.write(`${toPrintableJson(JSON.stringify(value, null, 2))}\n`);
}

/** Each of them is one line, whatever texts of other people it holds. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.map(toPrintable).join("\n")}\n`);
}

/** Lines for a person on standard error, which a program that reads the output does not get. */
export function say(text: string): void {
  process.stderr.write(`${toPrintableLines(text)}\n`);
}

/** Calls back once standard output has taken all that was printed. */
export function afterOutput(then: () => void): void {
  process.stdout.write(toPrintable(""), then);
}

const grouped = new Intl.NumberFormat("en-US");

export function formatNumber(count: number): string {
  return grouped.format(count);
}

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
        : { text: toPrintable(cell), right: false },
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
