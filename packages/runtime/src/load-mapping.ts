import { readFileSync } from "node:fs";
import { defaultMapping, EnvironmentError, type Mapping, parseMapping } from "@rollcall/contracts";

/**
 * The mapping of the file that ROLLCALL_CONFIG names, or the default. Call it before anything is written.
 *
 * @throws EnvironmentError with every problem of the file at once
 */
export function loadMapping(file: string | undefined): Mapping {
  return file === undefined ? defaultMapping : parseMapping(readMappingFile(file), file);
}

function readMappingFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new EnvironmentError([`ROLLCALL_CONFIG (${file}): the file cannot be read`]);
  }
}
