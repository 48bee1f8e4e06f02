import type { System } from "./system.ts";

/** The expected row of a user. It follows the documented rules and uses none of the code under test. */
function expectRow(user: Awaited<ReturnType<System["clerk"]["users"]["get"]>>) {
  const primary = user.email_addresses.find(({ id }) => id === user.primary_email_address_id);
  const name = [user.first_name, user.last_name].filter(Boolean).join(" ");
  return {
    email: primary?.email_address ?? null,
    email_verified: primary?.verification?.status === "verified",
    name: name || user.username || primary?.email_address.split("@")[0] || null,
    image_url: user.image_url || null,
    banned: user.banned,
    clerk_created_at: user.created_at,
    clerk_updated_at: user.updated_at,
    is_deleted: false,
    profiles: 1,
  };
}

const rows = `
select u.clerk_id, u.email, u.email_verified, u.name, u.image_url, u.banned, u.deleted_at is not null as is_deleted,
       (extract(epoch from u.clerk_created_at) * 1000)::bigint::float8 as clerk_created_at,
       (extract(epoch from u.clerk_updated_at) * 1000)::bigint::float8 as clerk_updated_at,
       count(m.id)::int as profiles
from users u left join mentorados m on m.user_id = u.id group by u.id`;

/** Lists each field in which a row differs from Clerk, and tombstones of users that the simulator never deleted. */
export async function findInequalities({ clerk, db }: System): Promise<string[]> {
  const found: string[] = [];
  const rowOf = new Map((await db.query(rows)).rows.map((row) => [row.clerk_id, row]));
  const deleted = new Set(
    (await clerk.history.list({ change: "deleted" })).map((entry) => ("userId" in entry ? entry.userId : "")),
  );
  for (const [id, row] of rowOf) {
    if (row.is_deleted && !deleted.has(id)) found.push(`${id} was deleted and is alive`);
  }
  for (const user of await clerk.users.list({ limit: Number.MAX_SAFE_INTEGER })) {
    const row = rowOf.get(user.id);
    rowOf.delete(user.id);
    const unequal = Object.entries(expectRow(user)).filter(([column, value]) => row?.[column] !== value);
    for (const [column, value] of unequal)
      found.push(`${user.id}: ${column} is ${row?.[column]}, not ${value}`);
  }
  for (const [id, row] of rowOf) if (!row.is_deleted) found.push(`${id} is gone from Clerk and lives here`);
  return found;
}
