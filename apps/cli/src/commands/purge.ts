import { clerkUserId } from "@rollcall/contracts";
import { purgeUser } from "@rollcall/sync";
import { z } from "zod";
import { nameCaller } from "../caller.ts";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";

const typed = z.object({
  clerkId: clerkUserId,
  mentorados: z
    .string()
    .regex(/^\d{1,9}(,\d{1,9})*$/, "must be ids with commas between, like 5,6")
    .transform((list) => list.split(",").map(Number))
    .optional(),
});

export const purge: Command = {
  synopsis: "purge <clerkId>",
  summary: "erase what is left of a deleted user, for good; their Clerk id stays in the tombstone",
  options: { "keep-profile": { type: "boolean" }, also: { type: "string" } },
  optionHelp: [
    ["--keep-profile", "leave name, email and photo in the profile that was theirs"],
    ["--also <ids>", "erase these mentorados too, which only matched them"],
  ],
  run: async ({ words, options, json }, open) => {
    if (words.length !== 1) throw new UsageError("purge takes one Clerk id.");
    const { clerkId, mentorados = [] } = readTyped(typed, { clerkId: words[0], mentorados: options["also"] });
    const wish = { candidates: mentorados, keepProfile: options["keep-profile"] === true };
    const answer = await purgeUser(open().context, clerkId, wish, nameCaller());
    if (json) printJson({ clerkId, ...answer });
    else printLines(print(clerkId, answer));
    return exitCodes.done;
  },
};

function print(clerkId: string, answer: Awaited<ReturnType<typeof purgeUser>>): string[] {
  const { erased, kept, candidates, deadLetters, appColumns } = answer;
  const said: [boolean, string][] = [
    [erased.length > 0, `Name, email and photo are gone from mentorado ${erased.join(", ")}.`],
    [kept.length > 0, `Kept as it is, since you asked: mentorado ${kept.join(", ")}.`],
    [
      candidates.length > 0,
      `Left, since it may be about somebody else: mentorado ${candidates.join(", ")}. It once matched them; --also erases it.`,
    ],
    [deadLetters > 0, `${deadLetters} dead letter(s) about them are gone.`],
    [appColumns.length > 0, `Columns of the app's own were left: ${appColumns.join(", ")}.`],
  ];
  return [`${clerkId} is purged.`, ...said.flatMap(([isSo, sentence]) => (isSo ? [sentence] : []))];
}
