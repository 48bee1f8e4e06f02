import type { Person } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";

const personRow = z.object({
  clerkId: z.string(),
  name: z.string().nullable(),
  email: z.string().nullable(),
});

/** Name and email of the users that have a row, by Clerk id. A tombstone has neither. */
export async function findPeople(db: Queryable, clerkIds: readonly string[]): Promise<Map<string, Person>> {
  const { rows } = await db.query(
    `select clerk_id as "clerkId", name::text, email::text from public.users where clerk_id = any ($1::text[])`,
    [clerkIds],
  );
  return new Map(readRows(personRow, rows).map(({ clerkId, name, email }) => [clerkId, { name, email }]));
}
