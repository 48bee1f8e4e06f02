import type { Command } from "./command.ts";
import { deadLetters } from "./commands/dead-letters.ts";
import { explain } from "./commands/explain.ts";

/** By the first word of the command line. */
export const commands: Readonly<Record<string, Command>> = {
  explain,
  "dead-letters": deadLetters,
};
