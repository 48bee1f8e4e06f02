import { AppError } from "@rollcall/contracts";
import type { z } from "zod";

/** `internal`: a row of another form. A column of the app has a type that no statement expects. */
export class UnexpectedRow extends AppError {
  constructor(options: { cause?: unknown } = {}) {
    super("internal", "Postgres answered with a row of an unexpected form", options);
  }
}

/**
 * Parses the rows of an answer.
 *
 * @throws UnexpectedRow
 */
export function readRows<Row extends z.ZodType>(row: Row, rows: readonly unknown[]): z.output<Row>[] {
  try {
    return rows.map((one) => row.parse(one));
  } catch (cause) {
    throw new UnexpectedRow({ cause });
  }
}

/** Parses the only row of an answer, as `readRows` does. */
export function readRow<Row extends z.ZodType>(row: Row, rows: readonly unknown[]): z.output<Row> {
  const [found] = readRows(row, rows);
  if (found === undefined) throw new AppError("internal", "Postgres answered without a row");
  return found;
}
