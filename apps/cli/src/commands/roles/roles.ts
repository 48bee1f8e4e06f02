import { writeRoles } from "@rollcall/db";
import { type Cli, jsonOption } from "../../cli.ts";
import { readMapping } from "../../config.ts";

export function addRoles({ program, readEnvironment, print }: Cli, group: string): void {
  program
    .command("roles")
    .helpGroup(group)
    .addOption(jsonOption)
    .description("print the SQL that makes roles with minimal rights; ops/roles.sql for the default tables")
    .action(async () => {
      const sql = await writeRoles(readMapping(readEnvironment()));
      print({ sql }, () => sql.trimEnd().split("\n"));
    });
}
