import { parseArgs } from "node:util";

export type Direction = "up" | "down";

export const usage = `Usage: npm run migrate            apply what is missing
       npm run migrate -- --down  take the last migration back; tables and data of the app stay`;

/** The command was called in a way that it does not know. */
export class UsageError extends Error {
  constructor() {
    super(usage);
    this.name = "UsageError";
  }
}

/** @throws UsageError for anything but `--down`, `--help` or nothing. */
export function readWish(args: readonly string[]): Direction | "help" {
  const flag = { type: "boolean" } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: { down: flag, help: flag } });
    if (values.help) return "help";
    return values.down ? "down" : "up";
  } catch {
    // Without repeating what was given: it may be a URL with its password.
    throw new UsageError();
  }
}
