import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import {
  compareMappings,
  defaultMapping,
  EnvironmentError,
  type Mapping,
  mappingFileName,
  parseMapping,
  readEnvironment,
  unnamedMapping,
  variables,
} from "@rollcall/contracts";
import { z } from "zod";
import { StartError } from "./start-error.ts";

/** Variables that only `npm start` reads. */
const ownVariables = {
  /** The folder of data, secrets and logs. */
  ROLLCALL_DIR: z.string().trim().optional(),
  SIMULATOR_PORT: variables.WORKER_PORT.unwrap().default(3002),
  EXAMPLE_PORT: variables.WORKER_PORT.unwrap().default(3003),
  /** Whether invented people sign up at the simulator. */
  ROLLCALL_DEMO: z.enum(["true", "false"]).optional(),
};

const plainShape = {
  ...ownVariables,
  DATABASE_URL: variables.DATABASE_URL.optional(),
  ROLLCALL_CONFIG: variables.ROLLCALL_CONFIG,
  REDIS_URL: variables.REDIS_URL,
  QUEUE_SHARDS: variables.QUEUE_SHARDS,
  HOST: variables.HOST,
  PORT: variables.PORT,
  WORKER_PORT: variables.WORKER_PORT,
  ADMIN_USERNAME: variables.ADMIN_USERNAME,
  ADMIN_PASSWORD: variables.ADMIN_PASSWORD,
  ADMIN_OPERATORS: variables.ADMIN_OPERATORS,
  ADMIN_PORT: variables.ADMIN_PORT,
  SUPPORT_URL: variables.SUPPORT_URL,
  CLERK_AUTHORIZED_PARTIES: variables.CLERK_AUTHORIZED_PARTIES.optional(),
};

/** With a CLERK_SECRET_KEY, Clerk is the real one, and the variables that belong to the key are required. */
const realClerkShape = {
  ...plainShape,
  CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY,
  CLERK_WEBHOOK_SIGNING_SECRET: variables.CLERK_WEBHOOK_SIGNING_SECRET,
  CLERK_JWT_KEY: variables.CLERK_JWT_KEY,
  CLERK_AUTHORIZED_PARTIES: variables.CLERK_AUTHORIZED_PARTIES,
  CLERK_ACCEPT_MISSING_AZP: variables.CLERK_ACCEPT_MISSING_AZP,
  CLERK_ISSUER: variables.CLERK_ISSUER,
};

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that the operator set, in the file and in the environment. The environment wins, also with an empty
 * value. The file may be missing.
 *
 * @param file undefined: the environment alone
 * @throws StartError if the file cannot be read
 */
export function readNamedEnvironment(file: string | undefined, environment: Environment): Environment {
  if (file === undefined) return environment;
  try {
    return { ...parseEnv(readFileSync(file, "utf8")), ...environment };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return environment;
    throw new StartError(`${file} cannot be read: ${String(error)}`);
  }
}

export type Settings = {
  /** Undefined: `.rollcall` in the current folder. */
  dir: string | undefined;
  host: string;
  /** Without `admin`, the console is on the api's port. */
  ports: { api: number; admin: number | undefined; worker: number; simulator: number; example: number };
  /** The parts whose port the operator set. */
  namedPorts: ReadonlySet<keyof Settings["ports"]>;
  databaseUrl: string | undefined;
  usesRedis: boolean;
  admin: { username: string; password: string | undefined };
  /** Undefined: Clerk is the simulator. */
  realClerk: { receivesWebhooks: boolean; isProduction: boolean } | undefined;
  /** The origins of the operator's own apps, besides those of the parts. */
  appOrigins: readonly string[];
  demo: boolean;
  /** The app's tables. */
  mapping: Mapping;
  /** The example app reads the default tables, so it is left out where the app has others. The package lacks it. */
  hasExample: boolean;
  /** A sentence for each part of the environment that is ignored or has a side effect. */
  remarks: string[];
};

/** The variables of the ports. */
export const portVariables = {
  api: "PORT",
  admin: "ADMIN_PORT",
  worker: "WORKER_PORT",
  simulator: "SIMULATOR_PORT",
  example: "EXAMPLE_PORT",
} as const satisfies Record<keyof Settings["ports"], string>;

// The cast states that an object has its own keys alone.
const portNames = Object.keys(portVariables) as (keyof Settings["ports"])[];

/**
 * @param installed `hasExample`: the example app is here
 * @throws EnvironmentError naming every variable that is missing or malformed, or every problem of the mapping
 */
export function readSettings(environment: Environment, installed = { hasExample: true }): Settings {
  const isReal = Boolean(environment["CLERK_SECRET_KEY"]?.trim());
  // The larger shape first, so that one list names every fault.
  const realClerk = isReal ? readRealClerk(environment) : undefined;
  const hasPassword = Boolean(environment["ADMIN_PASSWORD"]?.trim());
  // The api gets a password in any case, so no operator may have the name of ADMIN_USERNAME.
  const read = readEnvironment(
    plainShape,
    hasPassword ? environment : { ...environment, ADMIN_PASSWORD: "made by npm start" },
  );
  const mapping = readMapping(read.ROLLCALL_CONFIG);
  const hasDefaultTables = compareMappings(mapping, defaultMapping).length === 0;
  return {
    dir: read.ROLLCALL_DIR,
    host: read.HOST,
    ports: {
      api: read.PORT,
      admin: read.ADMIN_PORT,
      worker: read.WORKER_PORT,
      simulator: read.SIMULATOR_PORT,
      example: read.EXAMPLE_PORT,
    },
    namedPorts: new Set(portNames.filter((name) => environment[portVariables[name]]?.trim())),
    databaseUrl: read.DATABASE_URL,
    usesRedis: read.REDIS_URL !== undefined,
    admin: { username: read.ADMIN_USERNAME, password: hasPassword ? read.ADMIN_PASSWORD : undefined },
    realClerk,
    appOrigins: read.CLERK_AUTHORIZED_PARTIES ?? [],
    // Invented people become rows of the operator's own database only with ROLLCALL_DEMO=true.
    demo: !isReal && (read.ROLLCALL_DEMO ?? String(read.DATABASE_URL === undefined)) === "true",
    mapping,
    hasExample: installed.hasExample && hasDefaultTables,
    remarks: isReal
      ? []
      : [
          ...remarksOnSimulator(environment),
          ...(installed.hasExample ? remarksOnExample(hasDefaultTables) : []),
        ],
  };
}

function readMapping(file: string | undefined): Mapping {
  if (file === undefined) {
    if (existsSync(mappingFileName)) throw new EnvironmentError([unnamedMapping]);
    return defaultMapping;
  }
  try {
    return parseMapping(readFileSync(file, "utf8"), file);
  } catch (error) {
    if (error instanceof EnvironmentError) throw error;
    throw new EnvironmentError([`ROLLCALL_CONFIG (${file}): the file cannot be read`]);
  }
}

function remarksOnExample(hasDefaultTables: boolean): string[] {
  return hasDefaultTables
    ? []
    : [
        "The example app is left out, because it reads users and mentorados, and ROLLCALL_CONFIG names others.",
      ];
}

function readRealClerk(environment: Environment): Settings["realClerk"] {
  const read = readEnvironment(realClerkShape, environment);
  return {
    receivesWebhooks: read.CLERK_WEBHOOK_SIGNING_SECRET !== undefined,
    isProduction: read.CLERK_SECRET_KEY.startsWith("sk_live_"),
  };
}

function remarksOnSimulator(environment: Environment): string[] {
  const kept = ["CLERK_AUTHORIZED_PARTIES", "CLERK_ACCEPT_MISSING_AZP"];
  const ignored = Object.keys(variables).filter(
    (name) => name.startsWith("CLERK_") && environment[name]?.trim() && !kept.includes(name),
  );
  const remarks: string[] = [];
  if (ignored.length > 0) {
    remarks.push(
      `${ignored.join(", ")}: ignored, because without CLERK_SECRET_KEY the simulator takes Clerk's place.`,
    );
  }
  if (environment["DATABASE_URL"]?.trim()) {
    remarks.push(
      "The simulator's people become rows in the database of DATABASE_URL. None are invented there, unless ROLLCALL_DEMO is true.",
    );
  }
  return remarks;
}
