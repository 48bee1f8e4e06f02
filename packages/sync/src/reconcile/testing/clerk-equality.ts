import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { Pool } from "@rollcall/db";
import { expectedRole, expectedRow } from "../../testing/oracle.ts";

const rowsSql = `
select u.clerk_id, u.email, u.email_verified, u.name, u.image_url, u.role, u.banned,
       (extract(epoch from u.clerk_created_at) * 1000)::bigint::float8 as clerk_created_at,
       (extract(epoch from u.clerk_updated_at) * 1000)::bigint::float8 as clerk_updated_at,
       u.deleted_at is not null as is_deleted,
       (select count(*)::int from mentorados m where m.user_id = u.id) as profiles
from users u
`;

/** The differences between our rows and Clerk, field by field, as sentences; none when they are equal. */
export async function findInequalities(db: Pool, clerk: ClerkSimulator): Promise<string[]> {
  const rows = new Map((await db.query(rowsSql)).rows.map((row) => [row.clerk_id, row]));
  const users = await clerk.users.list({ limit: Number.MAX_SAFE_INTEGER });
  const found: string[] = [];
  for (const user of users) {
    const row = rows.get(user.id);
    rows.delete(user.id);
    if (!row) {
      found.push(`${user.id} has no row`);
      continue;
    }
    const role = expectedRole(user);
    const profiles = user.banned || role === "admin" ? row.profiles : 1;
    const expected = { ...expectedRow(user), role, profiles, is_deleted: false };
    for (const [column, value] of Object.entries(expected)) {
      if (row[column] !== value) found.push(`${user.id}: ${column} is ${row[column]} and should be ${value}`);
    }
  }
  for (const [id, row] of rows)
    if (!row.is_deleted) found.push(`${id} is absent at Clerk and has a live row`);
  return found;
}
