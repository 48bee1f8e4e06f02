export type Cell = string | number | null;

/** Figures beside each other. Units are in the columns' names. */
export type ReportTable = {
  title: string;
  /** The first one names what a row is about. */
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
  /** What somebody has to know to read the figures rightly. */
  notes?: readonly string[];
};

export type PartReport = { part: string; tables: ReportTable[] };

/** The sum of a column. */
export function sumOf(rows: readonly (readonly Cell[])[], column: number): number {
  return rows.reduce((sum, row) => sum + Number(row[column] ?? 0), 0);
}
