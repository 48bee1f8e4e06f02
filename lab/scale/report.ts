import { formatNumber } from "../stage/numbers.ts";

export type Cell = string | number | null;

/** A table of measurements. The column names hold the units. */
export type ReportTable = {
  title: string;
  /** The first column names the row. */
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
  /** Explanations below the table. */
  notes?: readonly string[];
};

export type PartReport = { part: string; tables: ReportTable[] };

/** The sum of a column. */
export function sumOf(rows: readonly (readonly Cell[])[], column: number): number {
  return rows.reduce((sum, row) => sum + Number(row[column] ?? 0), 0);
}

const gap = "  ";

/** Formats the reports as tables for a terminal. */
export function formatParts(reports: readonly PartReport[]): string {
  return reports.map(({ part, tables }) => `${part}\n\n${tables.map(formatTable).join("\n")}`).join("\n");
}

function formatTable({ title, columns, rows, notes = [] }: ReportTable): string {
  const lines = [columns, ...rows.map((row) => row.map(formatCell))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const formatLine = (line: readonly string[]) =>
    line
      .map((cell, index) =>
        index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0),
      )
      .join(gap)
      .trimEnd();
  return [
    title,
    ...lines.map((line) => `${gap}${formatLine(line)}`),
    ...notes.map((note) => `${gap}${note}`),
    "",
  ].join("\n");
}

function formatCell(cell: Cell): string {
  if (typeof cell !== "number") return cell ?? "";
  return Number.isInteger(cell) ? String(cell) : formatNumber(cell);
}
