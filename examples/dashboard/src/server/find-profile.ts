import type { Pool } from "pg";

type Row = {
  userId: number;
  clerkId: string;
  banned: boolean;
  deletedAt: Date | null;
  mentoradoId: number | null;
};

const sql = `
  select u.id         as "userId",
         u.clerk_id   as "clerkId",
         u.banned,
         u.deleted_at as "deletedAt",
         m.id         as "mentoradoId"
    from users u
    left join mentorados m on m.user_id = u.id
   where u.clerk_id = $1`;

/** Finds user and profile by Clerk id, with the columns that this app uses. Banned and deleted users are included. */
export async function findProfile(pool: Pool, wantedClerkId: string) {
  const { rows } = await pool.query<Row>(sql, [wantedClerkId]);
  const [row] = rows;
  if (!row) return undefined;
  const { userId, clerkId, banned, deletedAt, mentoradoId } = row;
  const mentorado = mentoradoId === null ? null : { id: mentoradoId };
  return { user: { id: userId, clerkId, banned, deletedAt }, mentorado };
}
