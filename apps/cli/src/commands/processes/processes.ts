import type { Cli } from "../../cli.ts";
import { programs } from "../../programs.ts";

/** Adds the programs to the usage. They run before this code is loaded, so an action here means a wrong call. */
export function addProcesses({ program }: Cli, group: string): void {
  for (const [name, { description, options }] of Object.entries(programs)) {
    const command = program.command(name).helpGroup(group).description(description);
    for (const option of options) command.option(...option);
    command.action(() => command.error(`${name} comes first, and has no option of other commands`));
  }
}
