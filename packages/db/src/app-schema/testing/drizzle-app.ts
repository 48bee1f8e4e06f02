import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const { resolve } = createRequire(import.meta.url);
const packages = fileURLToPath(new URL("../../../../../node_modules/", import.meta.url));

/** For tests: an app outside of the repository, with drizzle-orm and drizzle-kit as npm installs them. */
export type DrizzleApp = {
  /** Runs `drizzle-kit push`, which also drops columns without a question. @returns what it printed */
  push(schema: string): Promise<string>;
  /** Compiles the schema as the app's editor does. @returns the errors */
  compile(schema: string): Promise<string>;
};

export function makeDrizzleApp(databaseUrl: string, schemas: readonly string[] = ["public"]): DrizzleApp {
  const folder = mkdtempSync(join(tmpdir(), "rollcall-drizzle-"));
  mkdirSync(join(folder, "node_modules"));
  for (const name of ["drizzle-orm", "drizzle-kit", "pg"])
    symlinkSync(join(packages, name), join(folder, "node_modules", name));
  const file = join(folder, "schema.ts");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "an-app", type: "module" }));
  const config = {
    dialect: "postgresql",
    schema: file,
    schemaFilter: schemas,
    dbCredentials: { url: databaseUrl },
  };
  writeFileSync(join(folder, "drizzle.config.ts"), `export default ${JSON.stringify(config)};`);
  const run = (args: readonly string[]) =>
    new Promise<{ failed: boolean; output: string }>((done) => {
      execFile(process.execPath, args, { cwd: folder }, (error, stdout, stderr) =>
        done({ failed: error !== null, output: stdout + stderr }),
      );
    });
  return {
    push: async (schema) => {
      writeFileSync(file, schema);
      const program = join(dirname(resolve("drizzle-kit")), "bin.cjs");
      const { failed, output } = await run([program, "push", "--force", "--verbose"]);
      // It exits with 0 after some errors.
      if (failed || !/No changes detected|Changes applied/.test(output)) throw new Error(output);
      return output;
    },
    compile: async (schema) => {
      writeFileSync(file, schema);
      const program = join(dirname(resolve("typescript/package.json")), "bin", "tsc");
      const options = ["--noEmit", "--strict", "--skipLibCheck", "--types", "", "--module", "nodenext"];
      return (await run([program, ...options, "--target", "es2022", file])).output;
    },
  };
}
