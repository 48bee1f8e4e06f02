import { Option } from "@commander-js/extra-typings";
import { AppError, type RunMode, type RunView, runMode } from "@rollcall/contracts";
import { findRun, listDifferencesOfKinds, listRuns } from "@rollcall/db";
import { cancelRun } from "@rollcall/sync";
import { z } from "zod";
import { type Cli, jsonOption, readTyped } from "../../cli.ts";
import { formatTable } from "../../print.ts";
import { describeNamed, describeRun, formatCounts, formatDuration, nameRun, tookMs } from "./describe-run.ts";

export const typedRunId = z.coerce.number({ error: "must be a run's number" }).int().positive();

export function addRuns(cli: Cli, group: string): void {
  const runs = cli.program
    .command("runs")
    .helpGroup(group)
    .enablePositionalOptions()
    .argument("[id]", "show this run in full")
    .addOption(new Option("--mode <mode>", "list only runs of this mode").choices(runMode.options))
    .addOption(jsonOption)
    .description("list the latest runs, or show one; cancel one")
    .action(async (id, { mode }, command) => {
      if (id === undefined) return list(cli, mode);
      if (mode !== undefined) command.error("--mode is an option of the list: leave out the run's number");
      await show(cli, readTyped(command, "[id]", typedRunId, id));
    });

  runs
    .command("cancel")
    .argument("<id>", "the run")
    .addOption(jsonOption)
    .description("stop a run for good")
    .action(async (id, _options, command) => {
      const runId = readTyped(command, "<id>", typedRunId, id);
      const run = await cancelRun(cli.open().services, runId, cli.caller);
      cli.print(run, () => [describeCancelled(run)]);
    });
}

const mostOfEach = 10;
const mostOfOne = 50;

async function list({ open, print }: Cli, wanted: RunMode | undefined): Promise<void> {
  // There is a catch-up each minute. In one list they would hide the full syncs.
  const modes: readonly RunMode[] = wanted ? [wanted] : runMode.options;
  const limit = wanted ? mostOfOne : mostOfEach;
  const { pool } = open().services;
  const found = await Promise.all(modes.map((mode) => listRuns(pool, { mode, beforeId: undefined, limit })));
  const items = found.flat().sort((a, b) => b.id - a.id);
  print({ items }, () => describeList(items));
}

const mostNamed = 100;

async function show({ open, print }: Cli, id: number): Promise<void> {
  const { pool } = open().services;
  const run = await findRun(pool, id);
  if (!run) throw new AppError("run.unknown", `There is no run ${id}`);
  // What an operator must know before a real run. The console lists every difference.
  const named = run.dryRun
    ? await listDifferencesOfKinds(pool, id, ["deleted", "held", "failed"], mostNamed)
    : [];
  print(run, () => [...describeRun(run), ...describeNamed(run, named)]);
}

const titles: Record<RunMode, string> = { full: "Full syncs", "catch-up": "Catch-ups" };

function describeList(runs: readonly RunView[]): string[] {
  if (runs.length === 0) return ["There are no runs yet. To start one: rollcall reconcile"];
  return [
    ...runMode.options.flatMap((mode) => describeMode(mode, runs)),
    "To see one in full, with its reason: rollcall runs <id>",
  ];
}

function describeMode(mode: RunMode, runs: readonly RunView[]): string[] {
  const ofMode = runs.filter((run) => run.mode === mode);
  if (ofMode.length === 0) return [];
  const heads = ["id", "state", "started by", "requested at", "took", "users", ""];
  return [titles[mode], ...formatTable([heads, ...ofMode.map(toRow)]), ""];
}

function toRow(run: RunView): (string | number)[] {
  const { id, state, dryRun, startedBy, requestedAt, seen, counts, errorCode } = run;
  const ms = tookMs(run);
  return [
    String(id),
    dryRun ? `${state}, dry` : state,
    startedBy,
    `${requestedAt.slice(0, 19).replace("T", " ")}Z`,
    ms === undefined ? "" : formatDuration(ms),
    seen,
    errorCode ?? formatCounts(counts),
  ];
}

function describeCancelled(run: RunView): string {
  if (run.state === "cancelled") return `${nameRun(run)} is cancelled. No process was working on it.`;
  return `${nameRun(run)} stops within seconds, after its present step.`;
}
