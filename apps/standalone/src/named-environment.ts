import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import type { Environment } from "./settings.ts";
import { StartError } from "./start-error.ts";

/**
 * What the person named: in the file, and in the real environment, which wins, with an empty value too. Without a
 * file it is the environment alone.
 *
 * @throws StartError when there is a file that cannot be read
 */
export function readNamedEnvironment(file: string, environment: Environment): Environment {
  try {
    return { ...parseEnv(readFileSync(file, "utf8")), ...environment };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return environment;
    throw new StartError(`${file} cannot be read: ${String(error)}`);
  }
}
