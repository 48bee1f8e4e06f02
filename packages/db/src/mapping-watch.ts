import { AppError, compareMappings, defaultMapping, type Mapping } from "@rollcall/contracts";
import { z } from "zod";
import { quoteText } from "./app-schema/declared-tables.ts";
import type { SchemaProblem } from "./app-schema/find-schema-problems.ts";
import type { SchemaWatch } from "./app-schema/schema-watch.ts";
import type { Queryable } from "./queryable.ts";
import { readRow, readRows } from "./rows.ts";
import type { Tables } from "./tables.ts";

const hasPlace = `
select exists (
  select from pg_attribute where attrelid = 'rollcall.migrations'::regclass and attname = 'mapping' and not attisdropped
) as found
`;
const makePlace = "alter table rollcall.migrations add column if not exists mapping jsonb";
const record = (value: string) => `
update rollcall.migrations set mapping = ${value}
where id = (select min(id) from rollcall.migrations) and mapping is distinct from ${value}
`;

/** The default is recorded as null, so that versions with other fields of it agree. */
function toRecord(mapping: Mapping): string | null {
  return compareMappings(mapping, defaultMapping).length === 0 ? null : JSON.stringify(mapping);
}

/** The statements that record the mapping after the first migrations. */
export function writeMappingRecord({ mapping }: Tables): string[] {
  const recorded = toRecord(mapping);
  return [makePlace, ...(recorded === null ? [] : [record(`${quoteText(recorded)}::jsonb`).trim()])];
}

const foundRow = z.object({ found: z.boolean() });

/** Records the mapping under which the tables are whole. Every process compares its own mapping with it. */
export async function recordMapping(db: Queryable): Promise<void> {
  // It locks the table against every reader, so only once.
  if (!readRow(foundRow, (await db.query(hasPlace)).rows).found) await db.query(makePlace);
  await db.query(record("$1::jsonb"), [toRecord(db.tables.mapping)]);
}

const isMigrated = "select to_regclass('rollcall.migrations') is not null as found";

// As json, because a version that knew no mapping made the table without the column.
const read = "select to_jsonb(m) -> 'mapping' as mapping from rollcall.migrations m order by m.id limit 1";

/** The mapping that migrate recorded, as JSON. Undefined before the first migration. */
async function readMapping(db: Queryable): Promise<unknown> {
  const { found } = readRow(foundRow, (await db.query(isMigrated)).rows);
  if (!found) return undefined;
  const [first] = readRows(z.object({ mapping: z.unknown() }), (await db.query(read)).rows);
  return first && (first.mapping ?? defaultMapping);
}

/** How the mapping of `db` differs from the recorded one. Undefined before the first migration. */
export async function findMappingProblems(db: Queryable): Promise<SchemaProblem[] | undefined> {
  const recorded = await readMapping(db);
  if (recorded === undefined) return undefined;
  const fields = compareMappings(db.tables.mapping, recorded);
  if (fields.length === 0) return [];
  return [
    {
      object: "ROLLCALL_CONFIG",
      says: `The mapping of this process differs from the one that migrate recorded, in ${fields.join(", ")}: give each process the same ROLLCALL_CONFIG, and run npm run migrate after a change`,
      breaks: [{ states: [] }],
    },
  ];
}

/** How long a difference that was found refuses statements before the record is read again. */
const refusesForMs = 1_000;

/**
 * Refuses all statements of a pool while its mapping differs from the recorded one: two processes with different mappings
 * would write different tables. `schema` then shows the difference in place of what it would find in the wrong tables.
 */
export function watchMapping(
  db: Queryable,
  schema: SchemaWatch,
): { schema: SchemaWatch; agree(): Promise<void> | undefined } {
  let agreed = false;
  let problems: readonly SchemaProblem[] = [];
  let asked: { atMs: number; answer: Promise<void> } | undefined;

  function ask(): Promise<void> {
    const answer = findMappingProblems(db).then((found) => {
      // Before the first migration there is nothing to write to, and no record yet.
      agreed = found?.length === 0;
      problems = found ?? [];
    });
    asked = { atMs: performance.now(), answer };
    answer.catch(() => {
      if (asked?.answer === answer) asked = undefined;
    });
    return answer;
  }

  async function refuse(): Promise<void> {
    const isFresh = asked !== undefined && performance.now() - asked.atMs < refusesForMs;
    await (isFresh ? asked?.answer : ask());
    const [problem] = problems;
    if (problem) throw new AppError("schema.changed", problem.says);
  }

  return {
    agree: () => (agreed ? undefined : refuse()),
    schema: {
      problems: () => (problems.length > 0 ? problems : schema.problems()),
      isBroken: () => problems.length > 0 || schema.isBroken(),
      check: async (maxAgeMs) => {
        await ask();
        return problems.length > 0 ? problems : schema.check(maxAgeMs);
      },
      explain: schema.explain,
    },
  };
}
