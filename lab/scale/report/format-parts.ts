import { formatNumber } from "../../bench/report/table.ts";
import type { Cell, PartReport, ReportTable } from "./part-report.ts";

const gap = "  ";

/** The reports as a person reads them on a terminal. */
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
