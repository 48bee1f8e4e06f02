import { z } from "zod";
import type { DeclaredTable } from "../../app-schema/declared-table.ts";
import { findDeclared } from "../../app-schema/declared-tables.ts";
import type { Queryable } from "../../queryable.ts";
import { quoteName } from "../../quote-name.ts";
import { readRows } from "../../rows.ts";
import type { FormProblem } from "./column-problems.ts";

const describeIndex = `regexp_replace(i.indexrelid::regclass::text, '^public[.]', '') as "index", i.indexrelid::text as oid,
  (select relname from pg_class where oid = i.indexrelid) as name`;

/**
 * Unique indexes that the rows of two different users could violate: they cover a column that we write, and no id of
 * the user. An example is a unique email, because several Clerk users may have one email, and a fresh profile repeats
 * it. Indexes of constraints, partial indexes and indexes over an expression such as lower(email) count too. A name in `public`
 * is shown without its schema.
 */
const tooStrict = `
select ${describeIndex}, w.attribute as "column"
from unnest($2::text[]) with ordinality as w (attribute, place)
join pg_index i on i.indrelid = to_regclass($1) and i.indisunique
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
where w.attribute = any(key.columns) and not key.columns && $3::text[]
order by w.attribute, 1
`;

/** Every unlinked profile has a null in its link. The column of pg_index is new in Postgres 15. */
const nullsClash = `
select ${describeIndex}
from pg_index i
join pg_attribute a on a.attrelid = i.indrelid and a.attname = $2
where i.indrelid = to_regclass($1) and i.indisunique and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
  and (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean
`;

/** `on conflict` refuses a deferrable key, even beside an immediate one. */
const deferrable = `
select ${describeIndex}
from pg_attribute a
join pg_index i on i.indrelid = a.attrelid and i.indisunique and not i.indimmediate
  and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
where a.attrelid = to_regclass($1) and a.attname = $2
`;

const otherTarget = `
select c.conname as "constraint", regexp_replace(c.confrelid::regclass::text, '^public[.]', '') as "target"
from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attname = $2
left join pg_attribute id on id.attrelid = to_regclass($3) and id.attname = $4
where c.conrelid = to_regclass($1) and c.contype = 'f' and c.conkey = array[a.attnum]
  and (c.confrelid, c.confkey) is distinct from (id.attrelid, array[id.attnum])
`;

/** Removes an index, with its constraint where it has one. */
const dropOfIndex = `
select case
  when c.oid is null then format('drop index %I.%I', n.nspname, own.relname)
  else format('alter table %I.%I drop constraint %I', n.nspname, t.relname, c.conname)
end as "statement"
from pg_index i
join pg_class own on own.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = t.relnamespace
left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x')
where i.indexrelid = $1::oid
`;

const index = z.object({ index: z.string(), oid: z.string(), name: z.string() });
const keyIndex = index.extend({ column: z.string() });
const foreignKey = z.object({ constraint: z.string(), target: z.string() });

/** Unique indexes and foreign keys that would make our writes fail. */
export async function findKeyProblems(db: Queryable): Promise<FormProblem[]> {
  const users = findDeclared(db, "users");
  const profile = findDeclared(db, "profile");
  const tables = [users, profile].filter((one) => one !== undefined);
  const problems: FormProblem[] = [];
  for (const table of tables) {
    for (const key of await findTooStrict(db, table)) {
      const object = `${table.label}.${key.column}`;
      const says = `${object} is unique (${key.index}), but people may share it: drop that`;
      // A person who shares the value is refused alone. The others are written.
      problems.push({ object, says, ...(await writeDrop(db, key.oid)), breaks: [] });
    }
  }
  for (const table of tables) {
    for (const column of table.columns.filter(({ uniqueKey }) => uniqueKey !== undefined)) {
      const late = readRows(index, (await db.query(deferrable, [table.table, column.name])).rows);
      for (const key of late) {
        const object = `${table.label}.${column.name}`;
        const says = `${object} is unique but deferrable (${key.index}): drop that, ${table.keepsForm ? "and add an immediate one" : "we add another"}`;
        problems.push({
          object,
          says,
          ...(await writeDrop(db, key.oid)),
          breaks: [{ states: ["55000"] }],
        });
      }
    }
  }
  return users && profile ? [...problems, ...(await findLinkProblems(db, users, profile))] : problems;
}

async function findTooStrict(db: Queryable, table: DeclaredTable): Promise<z.infer<typeof keyIndex>[]> {
  const own = table.columns.filter(
    ({ isPrimary, uniqueKey, isWatched }) => isPrimary || uniqueKey !== undefined || isWatched,
  );
  const result = await db.query(tooStrict, [table.table, listShared(db, table), own.map(({ name }) => name)]);
  return readRows(keyIndex, result.rows);
}

/** Columns in which two users may have the same value. */
function listShared({ tables }: Queryable, { kind, columns }: DeclaredTable): string[] {
  if (kind === "users") {
    const shared = tables.users.clerkColumns.filter(({ type }) => type === "text");
    return columns.flatMap(({ name, column }) => (shared.some((one) => one.column === column) ? [name] : []));
  }
  return Object.keys(tables.mapping.profile?.columns ?? {});
}

async function findLinkProblems(
  db: Queryable,
  users: DeclaredTable,
  profile: DeclaredTable,
): Promise<FormProblem[]> {
  const { profile: mapped, users: mappedUsers } = db.tables.mapping;
  const link = mapped?.link ?? "";
  const key = mappedUsers.key.column;
  const object = `${profile.label}.${link}`;
  const clashing = readRows(index, (await db.query(nullsClash, [profile.table, link])).rows);
  const foreign = readRows(
    foreignKey,
    (await db.query(otherTarget, [profile.table, link, users.table, key])).rows,
  );
  const problems: FormProblem[] = [];
  for (const found of clashing) {
    const says = `${object} is unique with nulls not distinct (${found.index}), but unlinked profiles have none: drop that`;
    const breaks = [{ states: ["23505"], constraint: found.name }];
    problems.push({ object, says, ...(await writeDrop(db, found.oid)), breaks });
  }
  for (const { constraint, target } of foreign) {
    problems.push({
      object,
      says: `${object} refers to ${target} (${constraint}), not to ${users.label}.${key}: drop that`,
      statement: `alter table ${profile.table} drop constraint ${quoteName(constraint)}`,
      breaks: [{ states: ["23503"], constraint }],
    });
  }
  return problems;
}

async function writeDrop(db: Queryable, oid: string): Promise<{ statement?: string }> {
  const result = await db.query(dropOfIndex, [oid]);
  const [row] = readRows(z.object({ statement: z.string() }), result.rows);
  return row ?? {};
}
