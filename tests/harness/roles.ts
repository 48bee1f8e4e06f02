import { readFile } from "node:fs/promises";
import type { Mapping } from "@rollcall/contracts";
import { writeRoles } from "@rollcall/db";
import pg from "pg";

const file = new URL("../../ops/roles.sql", import.meta.url);
const names = ["migrator", "api", "worker"] as const;

/** The connection URL of each role. */
export type RoleUrls = Record<(typeof names)[number], string>;

/**
 * Runs ops/roles.sql, or the same for a mapping, as its head comment says: once before the first migration, and again
 * after each.
 */
export async function applyRoles(ownerUrl: string, mapping?: Mapping): Promise<RoleUrls> {
  const sql = mapping ? await writeRoles(mapping) : await readFile(file, "utf8");
  return runRoles(ownerUrl, async (owner) => void (await owner.query(`begin; ${sql}; commit`)));
}

/** Runs ops/roles.sql statement by statement, as psql without `--single-transaction` does. */
export async function applyRolesOneByOne(ownerUrl: string): Promise<RoleUrls> {
  const sql = await readFile(file, "utf8");
  return runRoles(ownerUrl, async (owner) => {
    for (const [statement] of sql.matchAll(/(?:\$\$.*?\$\$|.)+?;\n/gs)) await owner.query(statement);
  });
}

async function runRoles(ownerUrl: string, run: (owner: pg.Client) => Promise<void>): Promise<RoleUrls> {
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await run(owner);
    for (const name of names) await owner.query(`alter role rollcall_${name} password '${passwordOf(name)}'`);
  } finally {
    await owner.end();
  }
  return {
    migrator: urlOfRole(ownerUrl, "migrator"),
    api: urlOfRole(ownerUrl, "api"),
    worker: urlOfRole(ownerUrl, "worker"),
  };
}

/** The URL of the same database for a role that `applyRoles` made. */
export function urlOfRole(ownerUrl: string, name: keyof RoleUrls): string {
  const url = new URL(ownerUrl);
  url.username = `rollcall_${name}`;
  url.password = passwordOf(name);
  return url.href;
}

const passwordOf = (name: string) => `of-${name}`;
