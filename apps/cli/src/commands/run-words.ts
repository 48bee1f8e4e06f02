import type { RunCounts, RunView } from "@rollcall/contracts";

const grouped = new Intl.NumberFormat("en-US");

export function sayNumber(count: number): string {
  return grouped.format(count);
}

/** E.g. `Full dry run 12`. */
export function nameRun({ id, mode, dryRun }: Pick<RunView, "id" | "mode" | "dryRun">): string {
  if (mode === "catch-up") return dryRun ? `Catch-up dry run ${id}` : `Catch-up ${id}`;
  return dryRun ? `Full dry run ${id}` : `Full run ${id}`;
}

/** How the command line asks for a run like this one. */
export function commandFor({ mode, dryRun }: Pick<RunView, "mode" | "dryRun">): string {
  const options = [mode === "catch-up" ? " --catch-up" : "", dryRun ? " --dry-run" : ""];
  return `rollcall reconcile${options.join("")}`;
}

export function sayDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long a run took; undefined while it is not over, or when nobody began with it. */
export function tookMs({
  startedAt,
  finishedAt,
}: Pick<RunView, "startedAt" | "finishedAt">): number | undefined {
  if (startedAt === null || finishedAt === null) return undefined;
  return Date.parse(finishedAt) - Date.parse(startedAt);
}

/** The outcomes that there were, e.g. `created 3, unchanged 1,200`. */
export function sayCounts(counts: RunCounts): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${outcome} ${sayNumber(count)}`)
    .join(", ");
}
