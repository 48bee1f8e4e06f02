import { z } from "zod";
import type { Queryable } from "../../queryable.ts";
import { quoteName } from "../../quote-name.ts";
import { readRows } from "../../rows.ts";
import { defaultTables } from "../../tables.ts";
import type { FormProblem } from "./column-problems.ts";

/** Two users may have the same value in these columns. */
const sharedColumns = defaultTables.users.clerkColumns
  .filter(({ type }) => type === "text")
  .map(({ name }) => name);

/**
 * Unique indexes that the rows of two different users could violate: they cover a column that we write, and no id of
 * the user. An example is a unique email, because several Clerk users may have one email, and a fresh profile repeats
 * it. Indexes of constraints, partial indexes and indexes over an expression such as lower(email) count too. A name in `public`
 * is shown without its schema.
 */
const tooStrict = `
select regexp_replace(i.indexrelid::regclass::text, '^public[.]', '') as "index", w.relation as "table", w.attribute as "column"
from (values
  ${sharedColumns.map((name) => `('users', '${name}', array['id', 'clerk_id']),`).join("\n  ")}
  ('mentorados', 'email',         array['id', 'user_id']),
  ('mentorados', 'nome_completo', array['id', 'user_id']),
  ('mentorados', 'foto_url',      array['id', 'user_id']),
  ('mentorados', 'turma',         array['id', 'user_id'])
) as w (relation, attribute, own)
join pg_index i on i.indrelid = to_regclass('public.' || w.relation) and i.indisunique
cross join lateral (
  -- The plain columns of the key, without INCLUDE, and the columns in its expressions, which pg_depend lists.
  select array_agg(a.attname::text) as columns
  from pg_attribute a
  where a.attrelid = i.indrelid and a.attnum > 0 and (
    a.attnum = any((i.indkey::smallint[])[0:i.indnkeyatts - 1])
    or i.indexprs is not null and exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
        and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum
    )
  )
) as key
where w.attribute = any(key.columns) and not key.columns && w.own
order by w.relation desc, w.attribute, 1
`;

/** Every unlinked profile has a null in user_id. The column of pg_index is new in Postgres 15. */
const nullsClash = `
select regexp_replace(i.indexrelid::regclass::text, '^public[.]', '') as "index"
from pg_index i
join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'user_id'
where i.indrelid = to_regclass('public.mentorados') and i.indisunique and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
  and (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean
`;

/** `on conflict` refuses a deferrable key, even beside an immediate one. */
const deferrable = `
select regexp_replace(i.indexrelid::regclass::text, '^public[.]', '') as "index", w.relation as "table", w.attribute as "column"
from (values ('users', 'clerk_id'), ('mentorados', 'user_id')) as w (relation, attribute)
join pg_attribute a on a.attrelid = to_regclass('public.' || w.relation) and a.attname = w.attribute
join pg_index i on i.indrelid = a.attrelid and i.indisunique and not i.indimmediate
  and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
`;

const otherTarget = `
select c.conname as "constraint", regexp_replace(c.confrelid::regclass::text, '^public[.]', '') as "target"
from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'user_id'
left join pg_attribute id on id.attrelid = to_regclass('public.users') and id.attname = 'id'
where c.conrelid = to_regclass('public.mentorados') and c.contype = 'f' and c.conkey = array[a.attnum]
  and (c.confrelid, c.confkey) is distinct from (id.attrelid, array[id.attnum])
`;

/** Removes an index, with its constraint where it has one. */
const dropOfIndex = `
select case
  when c.oid is null then format('drop index public.%I', own.relname)
  else format('alter table public.%I drop constraint %I', t.relname, c.conname)
end as "statement"
from pg_index i
join pg_class own on own.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid
left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x')
where i.indexrelid = to_regclass($1)
`;

const index = z.object({ index: z.string() });
const keyIndex = index.extend({ table: z.string(), column: z.string() });
const foreignKey = z.object({ constraint: z.string(), target: z.string() });

/** Unique indexes and foreign keys that would make our writes fail. */
export async function findKeyProblems(db: Queryable): Promise<FormProblem[]> {
  const strict = readRows(keyIndex, (await db.query(tooStrict)).rows);
  const late = readRows(keyIndex, (await db.query(deferrable)).rows);
  const clashing = readRows(index, (await db.query(nullsClash)).rows);
  const foreign = readRows(foreignKey, (await db.query(otherTarget)).rows);
  const drop = async (name: string) => {
    const result = await db.query(dropOfIndex, [name]);
    const [row] = readRows(z.object({ statement: z.string() }), result.rows);
    return row ?? {};
  };
  const problems: FormProblem[] = [];
  for (const key of strict) {
    const object = `public.${key.table}.${key.column}`;
    const says = `${object} is unique (${key.index}), but people may share it: drop that`;
    // A person who shares the value is refused alone. The others are written.
    problems.push({ object, says, ...(await drop(key.index)), breaks: [] });
  }
  for (const key of late) {
    const object = `public.${key.table}.${key.column}`;
    const says = `${object} is unique but deferrable (${key.index}): drop that, we add another`;
    problems.push({ object, says, ...(await drop(key.index)), breaks: [{ states: ["55000"] }] });
  }
  for (const key of clashing) {
    const object = "public.mentorados.user_id";
    const says = `${object} is unique with nulls not distinct (${key.index}), but unlinked profiles have none: drop that`;
    const breaks = [{ states: ["23505"], constraint: key.index }];
    problems.push({ object, says, ...(await drop(key.index)), breaks });
  }
  for (const key of foreign) {
    const object = "public.mentorados.user_id";
    problems.push({
      object,
      says: `${object} refers to ${key.target} (${key.constraint}), not to public.users.id: drop that`,
      statement: `alter table public.mentorados drop constraint ${quoteName(key.constraint)}`,
      breaks: [{ states: ["23503"], constraint: key.constraint }],
    });
  }
  return problems;
}
