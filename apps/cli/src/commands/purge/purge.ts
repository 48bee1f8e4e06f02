import { clerkUserId, type KeyType, keyOf, type RowKey } from "@rollcall/contracts";
import { type Purge, purgeUser } from "@rollcall/sync";
import { z } from "zod";
import { type Cli, jsonOption, readTyped } from "../../cli.ts";

const profileIds = (type: KeyType) =>
  type === "integer"
    ? z
        .string()
        .regex(/^\d{1,9}(,\d{1,9})*$/, "must be ids with commas between, like 5,6")
        .transform((list): RowKey[] => list.split(",").map(Number))
        .default([])
    : z
        .string()
        .transform((list): unknown => list.split(","))
        .pipe(z.array(keyOf(type)))
        .default([]);

export function addPurge({ program, open, print, caller }: Cli, group: string): void {
  program
    .command("purge")
    .helpGroup(group)
    .argument("<clerkId>", "the deleted user")
    .option("--keep-profile", "keep name, email and photo in the profile that the user had")
    .option("--also <ids>", "also erase these profiles, which only matched the user: 5,6")
    .addOption(jsonOption)
    .description("erase the remaining data of a deleted user for good; the tombstone keeps the Clerk id")
    .action(async (typed, options, command) => {
      const clerkId = readTyped(command, "<clerkId>", clerkUserId, typed);
      const { services, system } = open();
      const { profile, profileName } = services.pool.tables;
      const ids = profileIds(profile?.keyType ?? "integer");
      const candidates = readTyped(command, "--also", ids, options.also);
      const wish = { candidates, keepProfile: options.keepProfile === true };
      const purge = await purgeUser(services, clerkId, wish, caller);
      const { erased, kept, candidates: left, deadLetters, appColumns } = purge;
      const answer = { erased, kept, candidates: left, deadLetters, appColumns };
      print({ clerkId, ...answer }, () =>
        describe(`${clerkId} is purged from ${system}.`, profileName, answer),
      );
    });
}

function describe(
  done: string,
  profileName: string,
  answer: Pick<Purge, "erased" | "kept" | "candidates" | "deadLetters" | "appColumns">,
): string[] {
  const { erased, kept, candidates, deadLetters, appColumns } = answer;
  const said: [boolean, string][] = [
    [erased.length > 0, `Name, email and photo are gone from ${profileName} ${erased.join(", ")}.`],
    [kept.length > 0, `Kept because of --keep-profile: ${profileName} ${kept.join(", ")}.`],
    [
      candidates.length > 0,
      `Not erased, because it may belong to another person: ${profileName} ${candidates.join(", ")}. It once matched the user; --also erases it.`,
    ],
    [deadLetters > 0, `${deadLetters} dead letter(s) of the user are gone.`],
    [appColumns.length > 0, `Columns of the app's own were not changed: ${appColumns.join(", ")}.`],
  ];
  return [done, ...said.flatMap(([isSo, sentence]) => (isSo ? [sentence] : []))];
}
