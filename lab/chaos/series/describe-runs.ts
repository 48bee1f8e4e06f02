import type { RunRecord } from "./run-record.ts";

/** The table of a series for people, in Markdown, and below it each run that broke an invariant. */
export function describeRuns(runs: readonly RunRecord[]): string {
  const judged = runs.filter(({ result }) => result !== "error");
  const groups = new Map<string, RunRecord[]>();
  for (const run of judged) groups.set(nameGroup(run), [...(groups.get(nameGroup(run)) ?? []), run]);
  const rows = [...groups].map(([name, group]) => {
    const held = group.filter(({ result }) => result === "held").length;
    const faults = group.reduce((sum, run) => sum + run.faults, 0);
    const hours = group.reduce((sum, run) => sum + run.seconds, 0) / 3_600;
    const loads = group.map(({ load }) => Math.round(load));
    const load = `${Math.min(...loads)} to ${Math.max(...loads)}`;
    return `| ${name} | ${listSeeds(group)} | ${group.length} | ${held} | ${faults} | ${hours.toFixed(1)} | ${load} |`;
  });
  return [
    "| queues, mapping, events | seeds | runs | held | faults | hours | load |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    ...listBroken(judged),
    "",
  ].join("\n");
}

function nameGroup({ backend, shards, mapping, events, otherCommit }: RunRecord): string {
  const queues = shards === 1 ? backend : `${backend}, ${shards} shards`;
  const builds = otherCommit === undefined ? "" : ", two builds";
  return `${queues}, \`${mapping}\`, ${events.toLocaleString("en")}${builds}`;
}

/** `1-12, 14`. */
function listSeeds(runs: readonly RunRecord[]): string {
  const spans: { first: number; last: number }[] = [];
  for (const seed of [...new Set(runs.map((run) => run.seed))].sort((a, b) => a - b)) {
    const span = spans.at(-1);
    if (span && span.last === seed - 1) span.last = seed;
    else spans.push({ first: seed, last: seed });
  }
  return spans.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(", ");
}

function listBroken(runs: readonly RunRecord[]): string[] {
  const broken = runs.filter(({ result }) => result === "broken");
  if (broken.length === 0) return [];
  const rows = broken.map(
    (run) =>
      `| ${run.seed} on ${nameGroup(run)} | ${run.commit} | ${(run.broken ?? []).join("; ")} | ${run.cause ?? "not known yet"} |`,
  );
  return ["", "| broken seed | commit | invariants | cause |", "|---|---|---|---|", ...rows];
}
