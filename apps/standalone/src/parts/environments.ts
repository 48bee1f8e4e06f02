import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { variables } from "@rollcall/contracts";
import type { Environment, Settings } from "../settings.ts";
import type { Secrets } from "./secrets.ts";

export type Wiring = {
  settings: Settings;
  secrets: Secrets;
  databaseUrl: string;
  ports: Settings["ports"];
  /** Undefined with the real Clerk. */
  simulatorUrl: string | undefined;
  adminPassword: string;
};

export type PartName = "api" | "worker" | "migration" | "example";

/** Variables that every process needs to run. */
const systemVariables = ["PATH", "HOME", "TZ", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS"];

/** A process gets no secret that it does not need. */
const notFor: Record<PartName, readonly string[]> = {
  api: ["WORKER_PORT", "MENTORADO_CREATED_SECRET", "SUPPORT_URL"],
  worker: [
    ...["ADMIN_USERNAME", "ADMIN_PASSWORD", "ADMIN_OPERATORS", "ADMIN_PORT", "PORT"],
    ...["CLERK_JWT_KEY", "CLERK_WEBHOOK_SIGNING_SECRET", "SUPPORT_URL"],
  ],
  migration: allBut("DATABASE_URL", "ROLLCALL_CONFIG"),
  example: allBut("DATABASE_URL", "CLERK_JWT_KEY", "CLERK_AUTHORIZED_PARTIES", "SUPPORT_URL"),
};

function allBut(...names: string[]): string[] {
  return Object.keys(variables).filter((name) => !names.includes(name));
}

/** The environment of one part: the operator's variables, and the supplied ones for the rest. */
export function decideEnvironment(part: PartName, named: Environment, wiring: Wiring): Environment {
  const wanted = [...Object.keys(variables), ...listTelemetry(named)].filter(
    (name) => !notFor[part].includes(name),
  );
  const all = { ...named, ...supply(named, wiring) };
  const chosen = [...systemVariables, ...wanted].map((name) => [name, all[name]] as const);
  return Object.fromEntries(chosen.filter(([, value]) => value?.trim()));
}

/** OpenTelemetry's SDK reads its variables itself, and has many. */
function listTelemetry(named: Environment): string[] {
  return Object.keys(named).filter((name) => name.startsWith("OTEL_"));
}

const demoCatchUpEveryMs = "20000";

function supply(named: Environment, wiring: Wiring): Environment {
  const { settings, databaseUrl, ports, adminPassword, simulatorUrl, secrets } = wiring;
  const own = {
    DATABASE_URL: databaseUrl,
    PORT: String(ports.api),
    ADMIN_PORT: ports.admin === undefined ? undefined : String(ports.admin),
    WORKER_PORT: String(ports.worker),
    ADMIN_PASSWORD: adminPassword,
  };
  if (simulatorUrl === undefined) return own;
  return {
    ...own,
    // More often than by default, so that a visitor of the page sees its effect.
    RECONCILE_CATCHUP_EVERY_MS: named["RECONCILE_CATCHUP_EVERY_MS"]?.trim() || demoCatchUpEveryMs,
    CLERK_API_URL: simulatorUrl,
    CLERK_SECRET_KEY: secrets.clerkSecretKey,
    CLERK_WEBHOOK_SIGNING_SECRET: secrets.clerkWebhookSecret,
    CLERK_JWT_KEY: secrets.clerkJwtKey,
    // The simulator is its own issuer.
    CLERK_ISSUER: undefined,
    CLERK_AUTHORIZED_PARTIES: [
      ...originsOn(ports.simulator),
      ...originsOn(ports.example),
      ...settings.appOrigins,
    ].join(","),
  };
}

/** Both origins of a page on this machine. */
export function originsOn(port: number): string[] {
  return [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
}

const ofCommands = [
  "DATABASE_URL",
  "ROLLCALL_CONFIG",
  "REDIS_URL",
  "QUEUE_SHARDS",
  "CLERK_SECRET_KEY",
  "CLERK_API_URL",
  "CLERK_JWT_KEY",
  "CLERK_AUTHORIZED_PARTIES",
  "CLERK_ACCEPT_MISSING_AZP",
  "CLERK_ISSUER",
  "CLERK_WEBHOOK_SIGNING_SECRET",
  "ENABLE_AUTO_CREATE",
  "SESSION_CACHE_TTL_S",
  "APP_SESSION_KEY",
  "DEFAULT_TURMA",
  "DEFAULT_NOME",
  "RECONCILE_CONCURRENCY",
  "CLERK_RATE_BUDGET",
] as const;

/**
 * Writes the variables of the command `rollcall` for a start in this folder without an own environment. Only the owner
 * may read the file, because it holds the database's password. ROLLCALL_DIR shows that the file was not moved here.
 *
 * With the simulator, an app's server may use the file too: `node --env-file=.rollcall/environment`. Clerk's middleware
 * for servers starts only with a publishable key, which names the host of its Clerk.
 *
 * @param dir a real path
 */
export async function writeCommandEnvironment(
  dir: string,
  environment: Environment,
  simulatorUrl: string | undefined,
): Promise<void> {
  const file = join(dir, "environment");
  const lines = ofCommands.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [`${name}=${JSON.stringify(value)}`];
  });
  if (simulatorUrl !== undefined) {
    const host = Buffer.from(`${new URL(simulatorUrl).host}$`).toString("base64");
    lines.push(`CLERK_PUBLISHABLE_KEY="pk_test_${host}"`);
  }
  lines.push(`ROLLCALL_DIR=${JSON.stringify(dir)}`);
  // Removed first, because an existing file keeps its mode.
  await rm(file, { force: true });
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
}
