import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { Mapping } from "@rollcall/contracts";
import { renderSql } from "./render-sql.ts";
import { createTables } from "./tables.ts";

// Found by the package's name, because a bundled program lies in another folder than this module.
const workspace = createRequire(import.meta.url).resolve("@rollcall/db/package.json");

/** The statements that make the roles of migrate, worker and api, with minimal rights on the tables of the mapping. */
export async function writeRoles(mapping: Mapping): Promise<string> {
  const text = await readFile(new URL("roles.sql", pathToFileURL(workspace)), "utf8");
  return renderSql({ tables: createTables(mapping) }, text);
}
