import { AppError, type RunCounts } from "@rollcall/contracts";
import type { DriftKind } from "@rollcall/db";
import type { UserWrite, WriteOutcome } from "../user/apply-batch.ts";

/** A user whose rows differ from Clerk, and what would make them equal. */
export type Drifted = { write: UserWrite; kind: DriftKind };

type Counted = Exclude<keyof RunCounts, "deleted" | "held">;

/** What a user who differed counts as. Created is a row or a profile; linked, a profile that was waiting. */
export function countDrifted(kind: DriftKind, outcome: WriteOutcome | undefined): Counted {
  if (outcome === undefined || outcome instanceof AppError) return "failed";
  if (outcome === "linked" || outcome === "created") return outcome;
  // Tombstones are final, whatever a list says that was read before the deletion.
  if (outcome === "deleted") return "unchanged";
  if (kind === "missing_row") return "created";
  return kind === "older_row" ? "updated" : "unchanged";
}
