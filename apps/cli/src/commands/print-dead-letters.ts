import type { DeadLetterView } from "@rollcall/contracts";
import { table } from "../table.ts";

const mostRows = 50;

/** How many of each code, then the newest ones. Ids and codes only. */
export function printDeadLetters(letters: readonly DeadLetterView[], more: boolean): string[] {
  if (letters.length === 0) return ["No dead letters."];
  const groups = new Map<string, number>();
  for (const { code } of letters) groups.set(code, (groups.get(code) ?? 0) + 1);
  const counts = [...groups].sort(([, a], [, b]) => b - a).map(([code, count]) => [String(count), code]);
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
  const shown = rows.length < letters.length || more ? ` (the newest ${rows.length})` : "";
  return [
    ...table(counts),
    "",
    `Dead letters${shown}`,
    ...table([["id", "code", "job", "about", "failed", ""], ...rows]),
    "",
    "What a code means and how to mend it: docs/RUNBOOK.md",
  ];
}
