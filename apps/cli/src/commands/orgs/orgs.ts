import {
  clerkOrganizationId,
  type OrganizationEntry,
  type OrganizationMember,
  organizationQuery,
} from "@rollcall/contracts";
import type { Pool } from "@rollcall/db";
import { explainOrganization, findMembers, findOrganizations } from "@rollcall/sync";
import { type Cli, exitCodes, jsonOption, readTyped } from "../../cli.ts";
import { formatTable, say } from "../../print.ts";
import { describeOrganization } from "../explain/describe-organization.ts";

const mostListed = 50;

export function addOrgs({ program, open, print, isJson }: Cli, group: string): void {
  program
    .command("orgs")
    .helpGroup(group)
    .argument("[query]", "the start of a Clerk id, or a part of a name or a slug; a whole id shows one")
    .addOption(jsonOption)
    .description("find organizations; without a query, the newest. With the id of one, its state and members")
    .action(async (typed, _options, command) => {
      const query = readTyped(command, "[query]", organizationQuery.shape.query, typed);
      const { services } = open();
      const { pool } = services;
      if (clerkOrganizationId.safeParse(query).success && query !== undefined) {
        const report = await explainOrganization(services, query);
        if (report) {
          const listed = await findMembers(pool, { clerkOrgId: query, cursor: undefined, limit: mostListed });
          const members = { items: listed.items, more: listed.nextCursor !== null };
          print({ ...report, listedMembers: members }, () => [
            ...describeOrganization(report),
            ...describeMembers(members),
          ]);
          return;
        }
        if (isJson()) print(null, () => []);
        say(`Neither Clerk nor Rollcall knows ${query}.`);
        process.exitCode = exitCodes.failed;
        return;
      }
      const found = await find(pool, query);
      print(found, () => describe(found));
    });
}

type Found<Item> = { items: readonly Item[]; more: boolean };

async function find(pool: Pool, query: string | undefined): Promise<Found<OrganizationEntry>> {
  const items: OrganizationEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await findOrganizations(pool, { query, cursor, limit: mostListed - items.length });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < mostListed);
  return { items, more: cursor !== undefined };
}

function describe({ items, more }: Found<OrganizationEntry>): string[] {
  if (items.length === 0) return ["No organization matches."];
  const titles = ["Clerk id", "name", "slug", "members", "state"];
  const rows = items.map(({ clerkOrgId, name, slug, membersCount, state }) => [
    ...[clerkOrgId, name ?? "", slug ?? "", membersCount === null ? "" : String(membersCount), state],
  ]);
  return [
    ...formatTable([titles, ...rows]),
    ...(more ? ["", `These are the newest ${items.length}; there may be more.`] : []),
  ];
}

/** As every report, without emails and names of users. */
function describeMembers({ items, more }: Found<OrganizationMember>): string[] {
  if (items.length === 0) return [];
  const rows = items.map(({ clerkId, role, hasRow, held, clerkCreatedAt }) => [
    ...[clerkId, role ?? "", hasRow ? (held ? "held" : "") : "no row", clerkCreatedAt ?? ""],
  ]);
  return [
    "",
    "Members",
    ...formatTable(rows),
    ...(more ? [`These are ${items.length}; there are more.`] : []),
  ];
}
