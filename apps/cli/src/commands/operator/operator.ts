import { randomBytes } from "node:crypto";
import { Option } from "@commander-js/extra-typings";
import { adminRoles, operatorName, shortestPassword, writeOperatorEntry } from "@rollcall/contracts";
import { hashPassword } from "@rollcall/runtime";
import { type Cli, jsonOption, readTyped } from "../../cli.ts";
import { say } from "../../print.ts";

/** It reads no variable and connects to nothing: the entry becomes a part of the api's environment. */
export function addOperator({ program, print }: Cli, group: string): void {
  program
    .command("operator")
    .helpGroup(group)
    .addOption(jsonOption)
    .description(
      "make an entry of ADMIN_OPERATORS; the password is read from standard input, or made and printed to standard error",
    )
    .requiredOption("--name <name>", "stands in the timeline as the author of each change")
    .addOption(
      new Option("--role <role>", "viewer reads; operator acts on users, dead letters, conflicts and runs")
        .choices(adminRoles)
        .makeOptionMandatory(),
    )
    .action(async ({ name, role }, command) => {
      readTyped(command, "--name", operatorName, name);
      const given = await readPassword();
      if (given !== undefined && [...given].length < shortestPassword)
        return command.error(`the password must have at least ${shortestPassword} characters`);
      if (given !== undefined && given.length > longestPassword)
        return command.error(`the password must have at most ${longestPassword} characters`);
      const password = given ?? randomBytes(18).toString("base64url");
      const entry = writeOperatorEntry({ name, role, hash: await hashPassword(password) });
      if (given === undefined) say(`Password: ${password}`);
      print({ entry }, () => [entry]);
    });
}

/** The login form and the api take no longer one. */
const longestPassword = 1024;

/**
 * The first line of standard input. A terminal has none to give: what is typed there would be shown.
 *
 * @returns undefined for an empty input
 */
async function readPassword(): Promise<string | undefined> {
  if (process.stdin.isTTY) return undefined;
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes("\n") || text.length > longestPassword * 2) break;
  }
  const [line = ""] = text.split(/\r?\n/);
  return line === "" ? undefined : line;
}
