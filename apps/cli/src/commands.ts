import type { Command } from "./command.ts";
import { explain } from "./commands/explain.ts";

/** By the first word of the command line. */
export const commands: Readonly<Record<string, Command>> = { explain };
