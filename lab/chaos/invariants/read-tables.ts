import type pg from "pg";
import { z } from "zod";
import { type ProfileRow, profileRow, type UserRow, userRow } from "./recorder.ts";

export type Tables = {
  /** By Clerk id. */
  users: ReadonlyMap<string, UserRow>;
  profiles: readonly ProfileRow[];
  /** Ids whose deletion waits for a person. */
  held: ReadonlySet<string>;
};

/** What the tables say now. */
export async function readTables(db: pg.Client): Promise<Tables> {
  const users = await db.query("select to_jsonb(u) as row from public.users u");
  const profiles = await db.query("select to_jsonb(m) as row from public.mentorados m");
  const held = await db.query("select clerk_id from rollcall.held_deletions");
  return {
    users: new Map(
      users.rows.map(({ row }) => {
        const user = userRow.parse(row);
        return [user.clerk_id, user];
      }),
    ),
    profiles: profiles.rows.map(({ row }) => profileRow.parse(row)),
    held: new Set(held.rows.map((row) => z.string().parse(row.clerk_id))),
  };
}
