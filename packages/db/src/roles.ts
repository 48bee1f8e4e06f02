import { readFile } from "node:fs/promises";
import type { Mapping } from "@rollcall/contracts";
import { renderSql } from "./render-sql.ts";
import { sqlFolder } from "./sql-folder.ts";
import { createTables } from "./tables.ts";

/** The statements that make the roles of migrate, worker and api, with minimal rights on the tables of the mapping. */
export async function writeRoles(mapping: Mapping): Promise<string> {
  const text = await readFile(new URL("roles.sql", sqlFolder), "utf8");
  return renderSql({ tables: createTables(mapping) }, text);
}
