import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

type Found = {
  user: { id: number; clerkId: string; banned: boolean; deletedAt: string | null };
  mentorado: { userId: number; nomeCompleto: string; turma: string | null } | null;
};

const sql = `
  select json_build_object('id', u.id, 'clerkId', u.clerk_id, 'banned', u.banned, 'deletedAt', u.deleted_at) as "user",
         case when m.id is not null then
           json_build_object('userId', m.user_id, 'nomeCompleto', m.nome_completo, 'turma', m.turma)
         end as mentorado
    from users u
    left join mentorados m on m.user_id = u.id
   where u.clerk_id = $1`;

/** The profile of a user; undefined without a user. */
export async function findProfile(clerkId: string): Promise<Found | undefined> {
  return (await pool.query<Found>(sql, [clerkId])).rows[0];
}
