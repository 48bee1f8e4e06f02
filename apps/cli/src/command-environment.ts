import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseEnv } from "node:util";
import type { Environment } from "./cli.ts";
import { commandVariables } from "./config.ts";

/**
 * The environment of a command. Without a variable of its own, a command works on the system that `npm start` or
 * `rollcall dev` runs in this folder. With one, the two are never mixed: a command would act on another system than the
 * caller means, or send the caller's secret to an address out of a file.
 *
 * @param say receives a line for people: the system that is used, or why it is not
 */
export function readCommandEnvironment(own: Environment, say: (line: string) => void): Environment {
  if (own["DATABASE_URL"]?.trim()) return own;
  const file = join(own["ROLLCALL_DIR"]?.trim() || ".rollcall", "environment");
  const text = readText(file);
  if (text === undefined) return own;
  const found = parseEnv(text);
  const reason = own["NODE_ENV"] === "production" ? "NODE_ENV is production" : findReason(own, found, file);
  if (reason !== undefined) {
    say(`The system that runs here (${file}) is not used: ${reason}`);
    return own;
  }
  say(`Using the system that runs here (${file})`);
  return { ...own, ...found };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Why the system must not be used. */
function findReason(own: Environment, found: Environment, file: string): string | undefined {
  if (found["ROLLCALL_DIR"] !== realpathSync(dirname(file)))
    return "it was not written for this folder; end that system and start it here again";
  if (found["CLERK_SECRET_KEY"]?.startsWith("sk_live_"))
    return "it works on production users at Clerk; set the variables of the file yourself";
  const names = new Set([...commandVariables, ...Object.keys(found)]);
  // No command uses these two.
  for (const name of ["ROLLCALL_DIR", "CLERK_PUBLISHABLE_KEY"]) names.delete(name);
  const set = [...names].filter((name) => own[name]?.trim() && own[name] !== found[name]);
  return set.length === 0
    ? undefined
    : `${set.join(", ")} ${set.length === 1 ? "is" : "are"} set, and DATABASE_URL is not`;
}
