import { clerkOrganizationId } from "@rollcall/contracts";
import { explainMembership, explainOrganization, explainUser } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption } from "../../cli.ts";
import { say } from "../../print.ts";
import { describeMembership, describeOrganization } from "./describe-organization.ts";
import { describeReport } from "./describe-report.ts";

const isOrganization = (id: string) => clerkOrganizationId.safeParse(id).success;

export function addExplain({ program, open, print, isJson }: Cli, group: string): void {
  program
    .command("explain")
    .helpGroup(group)
    .argument("<clerkId>", "the user, or an organization")
    .argument("[memberId]", "a user, for the membership of both")
    .addOption(jsonOption)
    .description("explain in one sentence why a user, an organization or a membership is here or is missing")
    .action(async (clerkId, memberId, _options, command) => {
      if (memberId !== undefined && !isOrganization(clerkId))
        command.error("a membership is named by its organization and its user: explain org_… user_…");
      const lines = await explain(open().services, clerkId, memberId);
      if (lines || isJson()) print(lines?.report ?? null, () => lines?.describe() ?? []);
      if (lines) return;
      say(
        `Neither Clerk nor Rollcall knows ${memberId === undefined ? clerkId : `a membership of ${clerkId} and ${memberId}`}.`,
      );
      process.exitCode = exitCodes.failed;
    });
}

type Explained = { report: unknown; describe: () => string[] };

async function explain(
  services: ReturnType<Cli["open"]>["services"],
  clerkId: string,
  memberId: string | undefined,
): Promise<Explained | undefined> {
  if (memberId !== undefined) {
    const report = await explainMembership(services, { clerkOrgId: clerkId, clerkId: memberId });
    return report && { report, describe: () => describeMembership(report) };
  }
  if (isOrganization(clerkId)) {
    const report = await explainOrganization(services, clerkId);
    return report && { report, describe: () => describeOrganization(report) };
  }
  const hasProfiles = services.pool.tables.profile !== undefined;
  const report = await explainUser(services, clerkId);
  return report && { report, describe: () => describeReport(report, { hasProfiles }) };
}
