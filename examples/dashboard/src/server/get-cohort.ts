import type { Pool } from "pg";

/** The group of a mentee. */
export type Cohort = {
  /** The slug of the turma. */
  name: string | null;
  /** The number of active mentees in it, this mentee included. */
  size: number;
  /** The time since which the mentee belongs to it; ISO 8601. */
  since: string;
};

type Row = { name: string | null; size: number; since: Date };

const sql = `
  select m.turma as name,
         (select count(*)
            from mentorados other
           where other.turma is not distinct from m.turma
             and other.ativo = 'sim')::int as size,
         coalesce(m.linked_at, m.created_at) as since
    from mentorados m
   where m.id = $1`;

/** @throws Error when there is no such profile, because the procedure requires one */
export async function getCohort(pool: Pool, mentoradoId: number): Promise<Cohort> {
  const { rows } = await pool.query<Row>(sql, [mentoradoId]);
  const [cohort] = rows;
  if (!cohort) throw new Error(`There is no mentorado ${mentoradoId}`);
  return { ...cohort, since: cohort.since.toISOString() };
}
