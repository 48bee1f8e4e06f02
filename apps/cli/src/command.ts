import type { CliConfig } from "./config.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-codes.ts";

/** What was typed after the command's name. */
export type CommandInput = {
  words: readonly string[];
  options: Readonly<Record<string, string | boolean | undefined>>;
  /** One JSON document on standard output and nothing else. */
  json: boolean;
};

export type Command = {
  /** As typed, e.g. `explain <clerkId>`. */
  synopsis: string;
  summary: string;
  /** One line each for the usage, e.g. `["--dry-run", "only say what would be done"]`. */
  optionHelp?: readonly (readonly [string, string])[];
  options?: Readonly<Record<string, { type: "boolean" | "string" }>>;
  /** @throws UsageError when it was typed wrongly; any other error is printed and exits with 1 */
  run(
    input: CommandInput,
    open: () => { config: CliConfig; context: CliContext },
    /** As it is, for a command that says what is wrong with it. */
    readEnvironment: () => Readonly<Record<string, string | undefined>>,
  ): Promise<ExitCode>;
};

/** Typed wrongly: the message says how, and the usage of what was meant follows. */
export class UsageError extends Error {}
