import { syncRequest } from "@rollcall/contracts";
import { requestSyncs } from "@rollcall/sync";
import { nameCaller } from "../caller.ts";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";

export const sync: Command = {
  synopsis: "sync <clerkId>…",
  summary: "have users looked at again, as if Clerk had told of a change",
  run: async ({ words, json }, open) => {
    if (words.length === 0) throw new UsageError("sync takes one Clerk id or more.");
    const { clerkIds } = readTyped(syncRequest, { clerkIds: words });
    const answer = await requestSyncs(open().context, clerkIds, nameCaller());
    const lines = [
      `${answer.queued} queued. What came of it: rollcall explain <clerkId>`,
      ...answer.deleted.map((clerkId) => `${clerkId} is deleted for good; nothing was queued.`),
    ];
    if (json) printJson(answer);
    else printLines(lines);
    return answer.deleted.length === 0 ? exitCodes.done : exitCodes.failed;
  },
};
