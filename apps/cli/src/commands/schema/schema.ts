import { printSchema, type SchemaFormat } from "@rollcall/db";
import { type Cli, jsonOption } from "../../cli.ts";
import { readMapping } from "../../config.ts";

const formats = ["drizzle", "prisma", "sql"] as const satisfies readonly SchemaFormat[];

/** It does not read the database: the schema is a part of this version and of the mapping. */
export function addSchema({ program, readEnvironment, print }: Cli, group: string): void {
  program
    .command("schema")
    .helpGroup(group)
    .addOption(jsonOption)
    .description("print what the app's own schema must hold, so that its migrations keep Rollcall's columns")
    .option("--drizzle", "as tables of drizzle-orm")
    .option("--prisma", "as models of Prisma")
    .option("--sql", "as statements of SQL")
    .action((options, command) => {
      const [format, ...others] = formats.filter((one) => options[one] === true);
      if (format === undefined || others.length > 0)
        return command.error("choose one of --drizzle, --prisma and --sql");
      const schema = printSchema(format, readMapping(readEnvironment()));
      print({ format, schema }, () => schema.trimEnd().split("\n"));
    });
}
