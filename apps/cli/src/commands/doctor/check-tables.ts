import {
  countUnerased,
  describeLeft,
  findDuplicateRows,
  findMappingProblems,
  findMissingGrants,
  findMissingMigrations,
  findSchemaProblems,
  listRarelyVacuumed,
  listTriggersWithoutPath,
  measureIdUse,
  type Pool,
} from "@rollcall/db";
import { areQueueTablesCurrent } from "@rollcall/jobs";
import { describePostgresFailure } from "../../describe-postgres-failure.ts";
import { type Finding, note, ok, unknown, wrong } from "./finding.ts";

/** Checks migrations, grants, form and keys of the tables, duplicate rows, used ids and data of deleted users. */
export function checkTables(pool: Pool, { withQueues }: { withQueues: boolean }): Promise<Finding[]> {
  return Promise.all([
    check("postgres.migrations", () => checkMigrations(pool, withQueues)),
    check("postgres.grants", () => checkGrants(pool, withQueues)),
    check("postgres.tables", () => checkForm(pool)),
    check("postgres.duplicates", () => checkDuplicates(pool)),
    check("postgres.ids", () => checkIds(pool)),
    check("postgres.unerased", () => checkUnerased(pool)),
    check("postgres.triggers", () => checkTriggers(pool)),
    check("postgres.vacuum", () => checkVacuum(pool)),
  ]);
}

/** A check that fails, for example without a grant, must not hide the results of the others. */
async function check(name: string, run: () => Promise<Finding>): Promise<Finding> {
  try {
    return await run();
  } catch (error) {
    return unknown(name, `Could not be checked: ${describePostgresFailure(error)}.`);
  }
}

async function checkMigrations(pool: Pool, withQueues: boolean): Promise<Finding> {
  const name = "postgres.migrations";
  const missing = await findMissingMigrations(pool);
  // A missing schema is an error here, and means that the tables are missing.
  const queues = !withQueues || (await areQueueTablesCurrent(pool.driver).catch(() => false));
  const lacking = [...missing, ...(queues ? [] : ["BullMQ's"])];
  return lacking.length === 0
    ? ok(name, "All are applied.")
    : wrong(name, `Missing: ${lacking.join(", ")}.`, "npx rollcall migrate");
}

async function checkGrants(pool: Pool, withQueues: boolean): Promise<Finding> {
  const name = "postgres.grants";
  const missing = await findMissingGrants(pool, { withQueues });
  const fix =
    "As the owner: run ops/roles.sql again (with ROLLCALL_CONFIG, what rollcall roles prints), or GRANT the missing privileges to the role in DATABASE_URL.";
  return missing.length === 0
    ? ok(name, "None is missing.")
    : wrong(name, `The role lacks: ${list(missing)}.`, fix);
}

async function checkForm(pool: Pool): Promise<Finding> {
  const name = "postgres.tables";
  // Before the migration there may be no tables.
  if ((await findMissingMigrations(pool)).length > 0)
    return note(name, "Not checked before the migrations.", "npx rollcall migrate");
  const [difference] = (await findMappingProblems(pool)) ?? [];
  if (difference)
    return wrong(name, `${difference.says}.`, "npx rollcall migrate, with the ROLLCALL_CONFIG that is right");
  const problems = await findSchemaProblems(pool);
  const left = problems.filter(({ restore }) => !restore);
  const fix = [
    ...(left.length < problems.length ? ["npx rollcall migrate restores what was dropped."] : []),
    ...describeLeft(left).map((line) => line.trim()),
    "rollcall schema prints what the app's own schema must hold, so that its next migration keeps it.",
  ].join(" ");
  return problems.length === 0
    ? ok(name, `${nameTables(pool)} have the columns, keys and indexes that Rollcall needs.`)
    : wrong(name, `They changed since the migration: ${problems.map(({ says }) => says).join("; ")}.`, fix);
}

function nameTables({ tables }: Pool): string {
  const { users, profile } = tables;
  return [users, ...(profile ? [profile] : [])]
    .map(({ label }) => label.replace(/^public\./, ""))
    .join(" and ");
}

async function checkDuplicates(pool: Pool): Promise<Finding> {
  const name = "postgres.duplicates";
  const problems = await findDuplicateRows(pool);
  const fix = pool.tables.users.isSeparate
    ? "Merge the rows by hand. Your app made the second one: a unique key of your own keeps it from doing so again."
    : "Merge the rows by hand. Then npx rollcall migrate adds the unique keys that are missing.";
  return problems.length === 0
    ? ok(
        name,
        pool.tables.profile
          ? "One row for each Clerk id, one profile for each user."
          : "One row for each Clerk id.",
      )
    : wrong(name, `${list(problems)}.`, fix);
}

/** At this share there is still time to change the type of a column that the app's tables refer to. */
const idsToSpare = 0.5;

async function checkIds(pool: Pool): Promise<Finding> {
  const name = "postgres.ids";
  const scarce = (await measureIdUse(pool)).filter(({ used }) => used > idsToSpare);
  const lines = scarce.map(
    ({ table, column, used }) => `${table}.${column} has used up ${Math.floor(used * 100)} % of its ids`,
  );
  const fix = scarce
    .map(
      ({ sequence, least }) =>
        `If the app's tables and screens accept negative ids: alter sequence ${sequence} minvalue ${least} restart ${least}. docs/SCALE.md says how long the ids last.`,
    )
    .join(" ");
  return scarce.length === 0
    ? ok(name, "More than half of them are left.")
    : wrong(name, `${list(lines)}.`, fix);
}

async function checkUnerased(pool: Pool): Promise<Finding> {
  const name = "postgres.unerased";
  const left = await countUnerased(pool);
  const fix =
    "The app itself set deleted_at. For a user that is gone from Clerk too: npx rollcall purge <clerkId>.";
  return left === 0
    ? ok(name, "No row that is marked as deleted holds personal data.")
    : note(
        name,
        `${left} row(s) of ${pool.tables.users.label.replace(/^public\./, "")} have deleted_at and hold an email, a name, an image or a profile.`,
        fix,
      );
}

async function checkTriggers(pool: Pool): Promise<Finding> {
  const name = "postgres.triggers";
  const [first, ...more] = await listTriggersWithoutPath(pool);
  if (first === undefined) return ok(name, "No trigger of the app depends on Rollcall's search_path.");
  return note(
    name,
    `Rollcall's connections have no schema of the app in their search_path, and these trigger functions set none: ${list([first, ...more])}. If one names a table or function without its schema, Rollcall's writes fail.`,
    `As the owner, for each: alter function ${first} set search_path = public, pg_temp`,
  );
}

async function checkVacuum(pool: Pool): Promise<Finding> {
  const name = "postgres.vacuum";
  const tables = await listRarelyVacuumed(pool);
  return tables.length === 0
    ? ok(name, "Autovacuum does not wait for a large share of a large table.")
    : note(
        name,
        `Autovacuum waits until a large share of ${list(tables)} is dead rows, and each table grows by it once.`,
        `As the owner: ${tables.map((table) => `alter table ${table} set (autovacuum_vacuum_scale_factor = 0.02)`).join("; ")}`,
      );
}

const mostListed = 10;

function list(lines: readonly string[]): string {
  const more = lines.length > mostListed ? [`and ${lines.length - mostListed} more`] : [];
  return [...lines.slice(0, mostListed), ...more].join("; ");
}
