import type { RowRefusal } from "@rollcall/contracts";

/** What Postgres said when it refused a row: SQLSTATE, table and constraint. */
export function Refusal({ refusal: { sqlState, table, constraint } }: { refusal: RowRefusal }) {
  return <code className="small">{[sqlState, table, constraint].filter(Boolean).join(" · ")}</code>;
}
