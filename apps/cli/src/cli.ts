import { userInfo } from "node:os";
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { AppError, EnvironmentError, errorTable, listSecrets, toPrintableLines } from "@rollcall/contracts";
import { openServices, type Services } from "@rollcall/runtime";
import type { z } from "zod";
import { type CliConfig, readCliConfig } from "./config.ts";
import { printJson, printLines } from "./print.ts";

/** `held`: done, but deletions wait until a person confirms them. */
export const exitCodes = { done: 0, failed: 1, usage: 2, held: 3 } as const;

export type Environment = Readonly<Record<string, string | undefined>>;
/** `secrets`: texts that no output may hold. `system`: names what the command acts on, for what it confirms. */
export type OpenCli = { config: CliConfig; secrets: readonly string[]; services: Services; system: string };

/** Passed to every command: the program to which it adds itself, and the tools of its action. */
export type Cli = {
  program: ReturnType<typeof createProgram>;
  /** The login of this process, for the timeline. */
  caller: string;
  readEnvironment(): Environment;
  /** Connects to Postgres, the queues and Clerk. @throws EnvironmentError */
  open(): OpenCli;
  /** Closes all services that `open` returned. */
  close(): Promise<void>;
  /** For a request that goes on after its deadline and that nothing can end. */
  leaveRequest(): void;
  /** Whether such a request would keep the process alive. */
  hasLeftRequest(): boolean;
  isJson(): boolean;
  /** With `--json` one document on standard output, else lines. */
  print(document: unknown, describe: () => readonly string[]): void;
};

/** @param readEnvironment called only by commands that need variables, so that `--help` needs none */
export function createCli(readEnvironment: () => Environment): Cli {
  let json = false;
  const program = createProgram();
  program.hook("preAction", (_program, command) => {
    refuseOptionsOfParent(command);
    json = command.optsWithGlobals()["json"] === true;
  });
  const opened: OpenCli[] = [];
  let hasLeftRequest = false;
  return {
    program,
    caller: nameCaller(),
    readEnvironment,
    open: () => {
      const environment = readEnvironment();
      const config = readCliConfig(environment);
      const services = openServices(config, { program: "cli" });
      const system = nameSystem(config);
      const open = { config, secrets: listSecrets(environment), services, system };
      opened.push(open);
      return open;
    },
    close: async () => {
      await Promise.all(opened.map(({ services }) => services.close()));
    },
    leaveRequest: () => {
      hasLeftRequest = true;
    },
    hasLeftRequest: () => hasLeftRequest,
    isJson: () => json,
    print: (document, describe) => {
      if (json) printJson(document);
      else printLines(describe());
    },
  };
}

/** An option of every command. */
export const jsonOption = new Option("--json", "print one JSON document on standard output");

/** Sub-commands inherit these settings, so they are made before the first command is added. */
function createProgram() {
  return (
    new Command("rollcall")
      .description("The commands work directly on Postgres, the queues and Clerk. No api needs to run.")
      .usage("<command> [options]")
      .addOption(jsonOption)
      .helpOption("-h, --help", "print this text")
      .helpCommand(false)
      // Each command has its own options: `dead-letters` and `dead-letters replay` both take a --code.
      .enablePositionalOptions()
      .configureHelp({
        subcommandTerm: (command) =>
          [command.name(), ...command.registeredArguments.map((argument) => nameArgument(argument))].join(
            " ",
          ),
      })
      .configureOutput({ outputError: (text, write) => write(toPrintableLines(toSentence(text))) })
      .showHelpAfterError()
      .exitOverride()
  );
}

/** `dead-letters --code X replay --all` must not replay every dead letter. */
function refuseOptionsOfParent(command: CommandUnknownOpts): void {
  const { parent } = command;
  if (!parent?.parent || Object.keys(parent.opts()).every((name) => name === "json")) return;
  command.error(`put options after ${command.name()}`);
}

function nameArgument(argument: { name(): string; required: boolean; variadic: boolean }): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** `error: unknown option '--fast'` becomes a sentence, like every other message of this program. */
function toSentence(text: string): string {
  const [sentence = "", ...suggestions] = text
    .replace(/^error: /, "")
    .trimEnd()
    .split("\n");
  const sentences = [
    sentence.charAt(0).toUpperCase() + sentence.slice(1).replace(/\.?$/, "."),
    ...suggestions,
  ];
  return `${sentences.join("\n")}\n`;
}

/**
 * Checks a typed value as the admin API would. Ends with the usage if it does not fit. The message does not repeat
 * the value, which may be an email.
 *
 * @param label as in the usage: `<clerkId>`
 */
export function readTyped<Schema extends z.ZodType>(
  command: Pick<CommandUnknownOpts, "error">,
  label: string,
  schema: Schema,
  value: unknown,
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = new Set(result.error.issues.map(({ message }) => message));
  return command.error(`${label}: ${[...faults].join("; ")}`);
}

/** The database without user and password. A socket's place stands in the query. */
function nameSystem({ DATABASE_URL }: Pick<CliConfig, "DATABASE_URL">): string {
  const { host, pathname, searchParams } = new URL(DATABASE_URL.replace("@/", "@socket/"));
  const place = searchParams.get("host") ?? (host || "this machine");
  return `the database ${decodeURIComponent(pathname.slice(1)) || "of the user's name"} at ${place}`;
}

function nameCaller(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // In a container the login may be a number without a name.
    return `cli:${process.getuid?.() ?? "unknown"}`;
  }
}

/** The text for an error other than a usage error. */
export function explainFailure(error: unknown): string {
  if (error instanceof EnvironmentError) return error.message;
  if (error instanceof AppError) {
    const hint = typeof error.hint === "object" ? error.hint.en : error.hint;
    const sentence = `${errorTable[error.code].title.en} (${error.code}: ${hint ?? error.message})`;
    return errorTable[error.code].status === 503
      ? `${sentence}\nTo find the cause: rollcall doctor`
      : sentence;
  }
  return `The command failed: ${error instanceof Error ? error.message : String(error)}`;
}
