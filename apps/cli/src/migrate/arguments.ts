import { parseArgs } from "node:util";

export type Direction = "up" | "down";

const usage = `Usage: npm run migrate            apply what is missing
       npm run migrate -- --down  take the last migration back; tables and data of the app stay`;

/** The command was called in a way that it does not know. */
export class UsageError extends Error {
  constructor() {
    super(usage);
    this.name = "UsageError";
  }
}

/** @throws UsageError for anything but `--down` or nothing. */
export function readDirection(args: readonly string[]): Direction {
  try {
    const { values } = parseArgs({ args: [...args], options: { down: { type: "boolean" } } });
    return values.down ? "down" : "up";
  } catch {
    // Without repeating what was given: it may be a URL with its password.
    throw new UsageError();
  }
}
