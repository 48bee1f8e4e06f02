import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

export type Migration = {
  /** File name without direction and ending, e.g. `0001_users_and_mentorados`; it orders the migrations. */
  id: string;
  up: string;
  down: string;
};

// Asked for by name: a program that was bundled with this module lies somewhere else.
const workspace = createRequire(import.meta.url).resolve("@rollcall/db/package.json");
const folder = new URL("migrations/", pathToFileURL(workspace));

/** All migrations that this build knows, oldest first. */
export async function readMigrations(): Promise<Migration[]> {
  const files = await readdir(folder);
  const ids = files.flatMap((file) => (file.endsWith(".up.sql") ? [file.slice(0, -".up.sql".length)] : []));
  return Promise.all(ids.sort().map(readMigration));
}

async function readMigration(id: string): Promise<Migration> {
  const read = (direction: "up" | "down") => readFile(new URL(`${id}.${direction}.sql`, folder), "utf8");
  return { id, up: await read("up"), down: await read("down") };
}
