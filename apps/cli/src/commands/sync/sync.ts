import { syncRequest } from "@rollcall/contracts";
import { requestSyncs } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption, readTyped } from "../../cli.ts";

export function addSync({ program, open, print, caller }: Cli, group: string): void {
  program
    .command("sync")
    .helpGroup(group)
    .argument("<clerkIds...>", "the users")
    .addOption(jsonOption)
    .description("add a sync job for each user, as if Clerk had reported a change")
    .action(async (typed, _options, command) => {
      const clerkIds = readTyped(command, "<clerkIds...>", syncRequest.shape.clerkIds, typed);
      const answer = await requestSyncs(open().services, clerkIds, caller);
      print(answer, () => [
        `${answer.queued} queued. To see the result: rollcall explain <clerkId>`,
        ...answer.deleted.map((clerkId) => `${clerkId} is deleted for good; nothing was queued.`),
      ]);
      if (answer.deleted.length > 0) process.exitCode = exitCodes.failed;
    });
}
