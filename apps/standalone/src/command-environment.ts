import { rm, writeFile } from "node:fs/promises";
import type { Environment } from "./settings.ts";

const wanted = [
  "DATABASE_URL",
  "REDIS_URL",
  "CLERK_SECRET_KEY",
  "CLERK_API_URL",
  "CLERK_JWT_KEY",
  "CLERK_AUTHORIZED_PARTIES",
  "CLERK_WEBHOOK_SIGNING_SECRET",
  "ENABLE_AUTO_CREATE",
  "SESSION_CACHE_TTL_S",
  "APP_SESSION_KEY",
  "DEFAULT_TURMA",
  "DEFAULT_NOME",
  "CLERK_RATE_BUDGET",
] as const;

/**
 * Writes what the command `rollcall` needs to look at the running system, for whoever starts it in this folder
 * with no environment of their own. Only its owner may read the file: it holds the database's password.
 */
export async function writeCommandEnvironment(file: string, environment: Environment): Promise<void> {
  const lines = wanted.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [`${name}=${JSON.stringify(value)}`];
  });
  // Anew each time, so that an older file's looser mode does not stay.
  await rm(file, { force: true });
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
}
