import { Option } from "@commander-js/extra-typings";
import { type ConflictView, type KeyType, keyOf } from "@rollcall/contracts";
import { listConflicts } from "@rollcall/db";
import { resolveConflict } from "@rollcall/sync";
import { z } from "zod";
import { type Cli, jsonOption, readTyped } from "../../cli.ts";
import { formatTable } from "../../print.ts";

const mostListed = 200;
const typedId = z.coerce.number({ error: "must be a number" }).int().positive();
const profileId = (type: KeyType) => (type === "integer" ? typedId : keyOf(type));

export function addConflicts({ program, open, print, caller }: Cli, group: string): void {
  const conflicts = program
    .command("conflicts")
    .helpGroup(group)
    .enablePositionalOptions()
    .addOption(jsonOption)
    .description("list the open conflicts: profiles that only a person may assign; resolve one")
    .action(async () => {
      const page = { state: "open", beforeId: undefined, limit: mostListed + 1 };
      const { services } = open();
      const found = await listConflicts(services.pool, page);
      const items = found.slice(0, mostListed);
      const more = found.length > mostListed;
      print({ items, more }, () => describe(items, more, services.pool.tables.profileName));
    });

  conflicts
    .command("resolve")
    .argument("<id>", "the conflict")
    .addOption(new Option("--mentorado <id>", "give the user this candidate").conflicts("dismiss"))
    .option("--discard-profile", "unlink the user's present profile, even if it was used")
    .option("--dismiss", "close the conflict without a change")
    .addOption(jsonOption)
    .description("resolve a conflict: either --mentorado or --dismiss")
    .action(async (typed, options, command) => {
      const id = readTyped(command, "<id>", typedId, typed);
      if (options.mentorado === undefined && !options.dismiss)
        command.error("conflicts resolve needs either --mentorado <id> or --dismiss");
      const { services } = open();
      const keyType = services.pool.tables.profile?.keyType ?? "integer";
      const resolution = options.dismiss
        ? { dismiss: true as const }
        : {
            mentoradoId: readTyped(command, "--mentorado", profileId(keyType), options.mentorado),
            discardProfile: options.discardProfile === true,
          };
      await resolveConflict(services, id, resolution, caller);
      print({ id, ...resolution }, () => [
        `Conflict ${id} is ${"dismiss" in resolution ? "dismissed" : "resolved"}.`,
      ]);
    });
}

function describe(items: readonly ConflictView[], more: boolean, profileName: string): string[] {
  if (items.length === 0) return ["No open conflicts."];
  const titles = ["id", "user", "reason", "candidates", "has now", "since"];
  const rows = items.map((conflict) => [
    String(conflict.id),
    conflict.clerkId,
    conflict.reason,
    conflict.candidateIds.join(", "),
    conflict.profileId === null ? "no profile" : `${profileName} ${conflict.profileId}`,
    conflict.openedAt,
  ]);
  return [
    ...formatTable([titles, ...rows]),
    ...(more ? ["", `These are the newest ${items.length}; there are more.`] : []),
    "",
    "The reasons are explained in docs/RUNBOOK.md",
    "To decide: rollcall conflicts resolve <id> --mentorado <id> | --dismiss",
  ];
}
