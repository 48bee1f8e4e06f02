import { readFile } from "node:fs/promises";
import type { Mapping } from "@rollcall/contracts";
import { writeRoles } from "@rollcall/db";
import pg from "pg";

const file = new URL("../../ops/roles.sql", import.meta.url);
const names = ["migrator", "api", "worker"] as const;

/** The connection URL of each role. */
export type RoleUrls = Record<(typeof names)[number], string>;

/**
 * Runs ops/roles.sql as its head comment says: once before the first migration, and again after each.
 *
 * @param mapping of an app, whose own tables get the grants instead
 */
export function applyRoles(ownerUrl: string, mapping?: Mapping): Promise<RoleUrls> {
  return runRoles(ownerUrl, async (sql, owner) => {
    await owner.query(`begin; ${mapping ? await writeRoles(mapping) : sql}; commit`);
  });
}

/** Runs ops/roles.sql statement by statement, as psql without `--single-transaction` does. */
export function applyRolesOneByOne(ownerUrl: string): Promise<RoleUrls> {
  return runRoles(ownerUrl, async (sql, owner) => {
    for (const [statement] of sql.matchAll(/(?:\$\$.*?\$\$|.)+?;\n/gs)) await owner.query(statement);
  });
}

async function runRoles(
  ownerUrl: string,
  run: (sql: string, owner: pg.Client) => Promise<void>,
): Promise<RoleUrls> {
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await run(await readFile(file, "utf8"), owner);
    for (const name of names) await owner.query(`alter role rollcall_${name} password '${passwordOf(name)}'`);
  } finally {
    await owner.end();
  }
  const urlOf = (name: string) => {
    const url = new URL(ownerUrl);
    url.username = `rollcall_${name}`;
    url.password = passwordOf(name);
    return url.href;
  };
  return { migrator: urlOf("migrator"), api: urlOf("api"), worker: urlOf("worker") };
}

const passwordOf = (name: string) => `of-${name}`;
