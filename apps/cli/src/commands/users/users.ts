import { type UserEntry, userQuery } from "@rollcall/contracts";
import { listUsers, type Pool } from "@rollcall/db";
import { type Cli, jsonOption, readTyped } from "../../cli.ts";
import { formatTable } from "../../print.ts";

const mostListed = 50;

export function addUsers({ program, open, print }: Cli, group: string): void {
  program
    .command("users")
    .helpGroup(group)
    .argument("[query]", "a Clerk id, or a part of an email or a name; in quotes if it has spaces")
    .addOption(jsonOption)
    .description("find users; without a query, the newest")
    .action(async (typed, _options, command) => {
      const query = readTyped(command, "[query]", userQuery.shape.query, typed);
      const { pool } = open().services;
      const found = await findUsers(pool, query);
      print(found, () => describe(found, pool.tables.profile?.name));
    });
}

async function findUsers(
  pool: Pool,
  query: string | undefined,
): Promise<{ items: UserEntry[]; more: boolean }> {
  const items: UserEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await listUsers(pool, { filter: { query }, cursor, limit: mostListed - items.length });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < mostListed);
  return { items, more: cursor !== undefined };
}

/** @param profileName undefined for an app without profiles */
function describe(
  { items, more }: { items: readonly UserEntry[]; more: boolean },
  profileName: string | undefined,
): string[] {
  if (items.length === 0) return ["No user matches."];
  const titles = ["Clerk id", "email", "name", "tier", "state", ...(profileName ? [profileName] : [])];
  const rows = items.map((user) => [
    user.clerkId,
    user.email ?? "",
    user.name ?? "",
    user.tier,
    describeState(user),
    ...(profileName ? [String(user.mentoradoId ?? "none")] : []),
  ]);
  return [
    ...formatTable([titles, ...rows]),
    ...(more ? ["", `These are the newest ${items.length}; there may be more.`] : []),
  ];
}

function describeState(user: UserEntry): string {
  if (user.deletedAt) return `deleted ${user.deletedAt}`;
  return user.banned ? `${user.role}, banned` : user.role;
}
