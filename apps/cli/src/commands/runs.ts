import { AppError, type RunMode, type RunView, runMode } from "@rollcall/contracts";
import { findRun, listRuns } from "@rollcall/db";
import { cancelRun } from "@rollcall/sync";
import { z } from "zod";
import { nameCaller } from "../caller.ts";
import { type Command, type CommandInput, UsageError } from "../command.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";
import { printRun } from "./print-run.ts";
import { printRuns } from "./print-runs.ts";
import { nameRun } from "./run-words.ts";

export const runs: Command = {
  synopsis: "runs [<id> | cancel <id>]",
  summary: "reconcile runs: the latest, one in full, or stop one",
  options: { mode: { type: "string" } },
  optionHelp: [["--mode <mode>", "only those of full, or of catch-up"]],
  run: (input, open) => {
    const [action, ...rest] = input.words;
    const openContext = () => open().context;
    if (action === undefined) return list(input, openContext);
    if (input.options["mode"] !== undefined) throw new UsageError("--mode goes with the list of runs.");
    if (action === "cancel" && rest.length === 1) return cancel(readId(rest[0]), input, openContext);
    if (action !== "cancel" && rest.length === 0) return show(readId(action), input, openContext);
    throw new UsageError("runs takes nothing, a run's number, or cancel and a run's number.");
  },
};

const typedId = z.coerce.number({ error: "must be a run's number" }).int().positive();

function readId(typed: string | undefined): number {
  return readTyped(z.object({ run: typedId }), { run: typed }).run;
}

const mostOfEach = 10;
const mostOfOne = 50;

async function list({ options, json }: CommandInput, open: () => CliContext): Promise<ExitCode> {
  const wanted = readTyped(z.object({ mode: runMode.optional() }), { mode: options["mode"] });
  // Of catch-ups there is one a minute: in one list they would hide the full runs.
  const modes: readonly RunMode[] = wanted.mode ? [wanted.mode] : runMode.options;
  const limit = wanted.mode ? mostOfOne : mostOfEach;
  const { pool } = open();
  const found = await Promise.all(modes.map((mode) => listRuns(pool, { mode, beforeId: undefined, limit })));
  const items = found.flat().sort((a, b) => b.id - a.id);
  if (json) printJson({ items });
  else printLines(printRuns(items));
  return exitCodes.done;
}

async function show(id: number, { json }: CommandInput, open: () => CliContext): Promise<ExitCode> {
  const run = await findRun(open().pool, id);
  if (!run) throw new AppError("run.unknown", `There is no run ${id}`);
  if (json) printJson(run);
  else printLines(printRun(run));
  return exitCodes.done;
}

async function cancel(id: number, { json }: CommandInput, open: () => CliContext): Promise<ExitCode> {
  const run = await cancelRun(open(), id, nameCaller());
  if (json) printJson(run);
  else printLines([describeCancelled(run)]);
  return exitCodes.done;
}

function describeCancelled(run: RunView): string {
  if (run.state === "cancelled") return `${nameRun(run)} is cancelled: nobody worked on it.`;
  return `${nameRun(run)} stops within seconds, behind its present step.`;
}
