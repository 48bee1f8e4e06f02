import { type ConflictView, conflictResolution } from "@rollcall/contracts";
import { listConflicts } from "@rollcall/db";
import { resolveConflict } from "@rollcall/sync";
import { z } from "zod";
import { nameCaller } from "../caller.ts";
import { type Command, type CommandInput, UsageError } from "../command.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";
import { table } from "../table.ts";

export const conflicts: Command = {
  synopsis: "conflicts [resolve <id>]",
  summary: "profiles that only a person may give to somebody: list the open ones, or decide one",
  options: {
    mentorado: { type: "string" },
    "discard-profile": { type: "boolean" },
    dismiss: { type: "boolean" },
  },
  optionHelp: [
    ["--mentorado <id>", "give the user this candidate"],
    ["--discard-profile", "unlink the user's present profile, though it was used"],
    ["--dismiss", "leave things as they are"],
  ],
  run: (input, open) => {
    const [action, ...rest] = input.words;
    if (action === undefined) return list(input, () => open().context);
    if (action === "resolve") return resolve(input, rest, () => open().context);
    throw new UsageError(`conflicts knows resolve, and not ${action}.`);
  },
};

const mostListed = 200;

async function list({ options, json }: CommandInput, open: () => CliContext): Promise<ExitCode> {
  if (["mentorado", "discard-profile", "dismiss"].some((name) => options[name] !== undefined))
    throw new UsageError("--mentorado, --discard-profile and --dismiss go with resolve.");
  const page = { state: "open", beforeId: undefined, limit: mostListed + 1 };
  const found = await listConflicts(open().pool, page);
  const items = found.slice(0, mostListed);
  const more = found.length > mostListed;
  if (json) printJson({ items, more });
  else printLines(print(items, more));
  return exitCodes.done;
}

function print(items: readonly ConflictView[], more: boolean): string[] {
  if (items.length === 0) return ["No open conflicts."];
  const titles = ["id", "user", "reason", "candidates", "has now", "since"];
  const rows = items.map((conflict) => [
    String(conflict.id),
    conflict.clerkId,
    conflict.reason,
    conflict.candidateIds.join(", "),
    conflict.profileId === null ? "no profile" : `mentorado ${conflict.profileId}`,
    conflict.openedAt,
  ]);
  return [
    ...table([titles, ...rows]),
    ...(more ? ["", `The newest ${items.length}; there are more.`] : []),
    "",
    "What a reason means: docs/RUNBOOK.md. Decide: rollcall conflicts resolve <id> --mentorado <id> | --dismiss",
  ];
}

const typedId = z.coerce.number({ error: "must be a number" }).int().positive();

async function resolve(
  { options, json }: CommandInput,
  words: readonly string[],
  open: () => CliContext,
): Promise<ExitCode> {
  const { mentorado, dismiss } = options;
  if (words.length !== 1) throw new UsageError("conflicts resolve takes the id of one conflict.");
  if ((mentorado === undefined) === (dismiss !== true))
    throw new UsageError("conflicts resolve takes either --mentorado <id> or --dismiss.");
  const { id } = readTyped(z.object({ id: typedId }), { id: words[0] });
  const resolution = readTyped(
    conflictResolution,
    dismiss === true
      ? { dismiss }
      : {
          mentoradoId: readTyped(z.object({ mentorado: typedId }), { mentorado }).mentorado,
          discardProfile: options["discard-profile"] === true,
        },
  );
  await resolveConflict(open(), id, resolution, nameCaller());
  if (json) printJson({ id, ...resolution });
  else printLines([`Conflict ${id} is ${"dismiss" in resolution ? "dismissed" : "resolved"}.`]);
  return exitCodes.done;
}
