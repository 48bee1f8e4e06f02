import type { DeadLetterCount, DeadLetterView } from "@rollcall/contracts";
import { table } from "../table.ts";

const mostRows = 50;

/** How many of each code, then the newest ones. Ids and codes only. */
export function printDeadLetters(
  letters: readonly DeadLetterView[],
  counts: readonly DeadLetterCount[],
): string[] {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (letters.length === 0) return ["No dead letters."];
  const rows = letters
    .slice(0, mostRows)
    .map((letter) => [
      letter.id,
      letter.code,
      `${letter.queue} ${letter.kind}`,
      letter.clerkId ?? letter.delivery?.svixId ?? "names nobody",
      letter.failedAt,
      letter.replayable ? "" : "not replayable",
    ]);
  const shown = rows.length < total ? ` (the newest ${rows.length} of ${total})` : "";
  return [
    ...table(counts.map(({ code, count }) => [String(count), code])),
    "",
    `Dead letters${shown}`,
    ...table([["id", "code", "job", "about", "failed", ""], ...rows]),
    "",
    "What a code means and how to mend it: docs/RUNBOOK.md",
  ];
}
