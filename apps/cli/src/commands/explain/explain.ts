import { explainUser } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption } from "../../cli.ts";
import { say } from "../../print.ts";
import { describeReport } from "./describe-report.ts";

export function addExplain({ program, open, print, isJson }: Cli, group: string): void {
  program
    .command("explain")
    .helpGroup(group)
    .argument("<clerkId>", "the user")
    .addOption(jsonOption)
    .description("explain in one sentence why a user is here or is missing, then show the facts")
    .action(async (clerkId) => {
      const { services } = open();
      const hasProfiles = services.pool.tables.profile !== undefined;
      const report = await explainUser(services, clerkId);
      if (report || isJson())
        print(report ?? null, () => (report ? describeReport(report, { hasProfiles }) : []));
      if (report) return;
      say(`Neither Clerk nor Rollcall knows ${clerkId}.`);
      process.exitCode = exitCodes.failed;
    });
}
