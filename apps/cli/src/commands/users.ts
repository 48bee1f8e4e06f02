import { type UserEntry, userQuery } from "@rollcall/contracts";
import { listUsers, type Pool } from "@rollcall/db";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { readTyped } from "../read-typed.ts";
import { table } from "../table.ts";

const mostListed = 50;

export const users: Command = {
  synopsis: "users [query]",
  summary: "find users by Clerk id, or by a part of email or name; the newest without a query",
  run: async ({ words, json }, open) => {
    if (words.length > 1) throw new UsageError("users takes one query: put it into quotes.");
    const { query } = readTyped(userQuery, words.length === 0 ? {} : { query: words[0] });
    const found = await find(open().context.pool, query);
    if (json) printJson(found);
    else printLines(print(found));
    return exitCodes.done;
  },
};

async function find(pool: Pool, query: string | undefined): Promise<{ items: UserEntry[]; more: boolean }> {
  const items: UserEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await listUsers(pool, { query, cursor, limit: mostListed - items.length });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < mostListed);
  return { items, more: cursor !== undefined };
}

function print({ items, more }: { items: readonly UserEntry[]; more: boolean }): string[] {
  if (items.length === 0) return ["Nobody is found."];
  const titles = ["Clerk id", "email", "name", "tier", "state", "mentorado"];
  const rows = items.map((user) => [
    user.clerkId,
    user.email ?? "",
    user.name ?? "",
    user.tier,
    describeState(user),
    user.mentoradoId === null ? "none" : String(user.mentoradoId),
  ]);
  return [
    ...table([titles, ...rows]),
    ...(more ? ["", `The newest ${items.length}; there may be more.`] : []),
  ];
}

function describeState(user: UserEntry): string {
  if (user.deletedAt) return `deleted ${user.deletedAt}`;
  return user.banned ? `${user.role}, banned` : user.role;
}
