import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Applies the migrations of the build at `root`. */
export async function migrateDatabase(root: string, databaseUrl: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, "apps/cli/dist/migrate/main.js")], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", DATABASE_URL: databaseUrl },
  });
}
