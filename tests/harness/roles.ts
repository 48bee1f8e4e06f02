import { readFile } from "node:fs/promises";
import pg from "pg";

const file = new URL("../../ops/roles.sql", import.meta.url);
const names = ["migrator", "api", "worker"] as const;

/** Where each role connects. */
export type RoleUrls = Record<(typeof names)[number], string>;

/** Does with ops/roles.sql what its head says: once before the first migration, and again behind each. */
export async function applyRoles(ownerUrl: string): Promise<RoleUrls> {
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query(`begin; ${await readFile(file, "utf8")}; commit`);
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
