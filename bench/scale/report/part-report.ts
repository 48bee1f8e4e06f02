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
