import type { Pool } from "pg";

/** The goals of a mentee for a month; revenue is in whole reais. */
export type Goals = {
  name: string;
  revenue: number;
  leads: number;
  procedures: number;
  posts: number;
  stories: number;
};

const sql = `
  select nome_completo      as name,
         meta_faturamento   as revenue,
         meta_leads         as leads,
         meta_procedimentos as procedures,
         meta_posts         as posts,
         meta_stories       as stories
    from mentorados
   where id = $1`;

/** @throws Error when there is no such profile, because the procedure requires one */
export async function getGoals(pool: Pool, mentoradoId: number): Promise<Goals> {
  const { rows } = await pool.query<Goals>(sql, [mentoradoId]);
  const [goals] = rows;
  if (!goals) throw new Error(`There is no mentorado ${mentoradoId}`);
  return goals;
}
