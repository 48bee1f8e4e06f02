import { clerkOrganizationId, syncRequest } from "@rollcall/contracts";
import { requestOrganizationSync, requestSyncs } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption, readTyped } from "../../cli.ts";

export function addSync({ program, open, print, caller }: Cli, group: string): void {
  program
    .command("sync")
    .helpGroup(group)
    .argument("<clerkIds...>", "the users, or one organization")
    .addOption(jsonOption)
    .description("add a sync job for each user or for an organization, as if Clerk had reported a change")
    .action(async (typed, _options, command) => {
      const [first] = typed;
      if (typed.length === 1 && clerkOrganizationId.safeParse(first).success && first !== undefined) {
        await requestOrganizationSync(open().services, first, caller);
        print({ queued: 1, deleted: [] }, () => [describeQueued(1, "<organization>")]);
        return;
      }
      const clerkIds = readTyped(command, "<clerkIds...>", syncRequest.shape.clerkIds, typed);
      const answer = await requestSyncs(open().services, clerkIds, caller);
      print(answer, () => [
        describeQueued(answer.queued, "<clerkId>"),
        ...answer.deleted.map((clerkId) => `${clerkId} is deleted for good; nothing was queued.`),
      ]);
      if (answer.deleted.length > 0) process.exitCode = exitCodes.failed;
    });
}

const describeQueued = (queued: number, id: string) =>
  `${queued} queued. To see the result: rollcall explain ${id}`;
