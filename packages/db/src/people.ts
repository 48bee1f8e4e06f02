import type { Person } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";
import { perTables } from "./tables.ts";

const personRow = z.object({
  clerkId: z.string(),
  name: z.string().nullable(),
  email: z.string().nullable(),
});

const people = perTables(
  ({ users: u }) => `
select u.${u.clerkId} as "clerkId", ${u.shownName} as name, u.${u.email}::text as email
from ${u.rows} u where u.${u.clerkId} = any ($1::text[])
`,
);

/** Name and email of the users that have a row, by Clerk id. A tombstone has neither. */
export async function findPeople(db: Queryable, clerkIds: readonly string[]): Promise<Map<string, Person>> {
  const { rows } = await db.query(people(db), [clerkIds]);
  return new Map(readRows(personRow, rows).map(({ clerkId, name, email }) => [clerkId, { name, email }]));
}
