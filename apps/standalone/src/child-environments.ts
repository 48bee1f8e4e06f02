import { variables } from "@rollcall/contracts";
import type { Secrets } from "./secrets.ts";
import type { Environment, Settings } from "./settings.ts";

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

/** What the system needs of the environment to run a program of ours at all. */
const systemVariables = ["PATH", "HOME", "TZ", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS"];

/** A process holds no secret that is not its business. */
const notFor: Record<PartName, readonly string[]> = {
  api: ["WORKER_PORT", "MENTORADO_CREATED_SECRET", "SUPPORT_URL"],
  worker: [
    ...["ADMIN_USERNAME", "ADMIN_PASSWORD", "CLERK_JWT_KEY", "CLERK_WEBHOOK_SIGNING_SECRET", "PORT"],
    "SUPPORT_URL",
  ],
  migration: allBut("DATABASE_URL"),
  example: allBut("DATABASE_URL", "CLERK_JWT_KEY", "CLERK_AUTHORIZED_PARTIES", "SUPPORT_URL"),
};

function allBut(...names: string[]): string[] {
  return Object.keys(variables).filter((name) => !names.includes(name));
}

/** The environment of one part: what the person named, and what was brought along for the rest. */
export function decideEnvironment(part: PartName, named: Environment, wiring: Wiring): Environment {
  const wanted = Object.keys(variables).filter((name) => !notFor[part].includes(name));
  const all = { ...named, ...bringAlong(named, wiring) };
  const chosen = [...systemVariables, ...wanted].map((name) => [name, all[name]] as const);
  return Object.fromEntries(chosen.filter(([, value]) => value?.trim()));
}

const watchedCatchUpEveryMs = "20000";

function bringAlong(named: Environment, wiring: Wiring): Environment {
  const { databaseUrl, ports, adminPassword, simulatorUrl, secrets } = wiring;
  const own = {
    DATABASE_URL: databaseUrl,
    PORT: String(ports.api),
    WORKER_PORT: String(ports.worker),
    ADMIN_PASSWORD: adminPassword,
  };
  if (simulatorUrl === undefined) return own;
  return {
    ...own,
    // Sooner than elsewhere, since somebody is watching.
    RECONCILE_CATCHUP_EVERY_MS: named["RECONCILE_CATCHUP_EVERY_MS"]?.trim() || watchedCatchUpEveryMs,
    CLERK_API_URL: simulatorUrl,
    CLERK_SECRET_KEY: secrets.clerkSecretKey,
    CLERK_WEBHOOK_SIGNING_SECRET: secrets.clerkWebhookSecret,
    CLERK_JWT_KEY: secrets.clerkJwtKey,
    CLERK_AUTHORIZED_PARTIES: [
      ...originsOn(ports.simulator),
      ...originsOn(ports.example),
      ...listed(named),
    ].join(","),
  };
}

function listed(named: Environment): string[] {
  const origins = named["CLERK_AUTHORIZED_PARTIES"]?.trim();
  return origins ? [origins] : [];
}

/** A page of ours that calls ensure, under both names that a browser may know this machine by. */
export function originsOn(port: number): string[] {
  return [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
}
