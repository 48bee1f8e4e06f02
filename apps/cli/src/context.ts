import { openServices, type Services } from "@rollcall/runtime";
import type { CliConfig } from "./config.ts";

/** What commands use: Postgres, the queues and Clerk directly; no api needs to run. */
export type CliContext = Services;

export function createCliContext(config: CliConfig): CliContext {
  return openServices(config, { program: "cli" });
}
