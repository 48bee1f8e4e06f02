import { readEnvironment, variables } from "@rollcall/contracts";
import { z } from "zod";

/** Variables that only `npm start` reads. */
const ownVariables = {
  /** Where data, secrets and logs are kept. */
  ROLLCALL_DIR: z.string().trim().optional(),
  SIMULATOR_PORT: variables.WORKER_PORT.unwrap().default(3002),
  EXAMPLE_PORT: variables.WORKER_PORT.unwrap().default(3003),
  /** Whether people of the simulator sign up by themselves. */
  ROLLCALL_DEMO: z.enum(["true", "false"]).optional(),
};

const plainShape = {
  ...ownVariables,
  DATABASE_URL: variables.DATABASE_URL.optional(),
  REDIS_URL: variables.REDIS_URL,
  HOST: variables.HOST,
  PORT: variables.PORT,
  WORKER_PORT: variables.WORKER_PORT,
  ADMIN_USERNAME: variables.ADMIN_USERNAME,
  ADMIN_PASSWORD: variables.ADMIN_PASSWORD,
  SUPPORT_URL: variables.SUPPORT_URL,
};

/** With a key of its own, Clerk is the real one, and everything that belongs to the key must be there. */
const realClerkShape = {
  ...plainShape,
  CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY,
  CLERK_WEBHOOK_SIGNING_SECRET: variables.CLERK_WEBHOOK_SIGNING_SECRET,
  CLERK_JWT_KEY: variables.CLERK_JWT_KEY,
  CLERK_AUTHORIZED_PARTIES: variables.CLERK_AUTHORIZED_PARTIES,
};

export type Environment = Readonly<Record<string, string | undefined>>;

export type Settings = {
  /** Undefined: the folder that the project keeps for it. */
  dir: string | undefined;
  host: string;
  ports: { api: number; worker: number; simulator: number; example: number };
  databaseUrl: string | undefined;
  usesRedis: boolean;
  admin: { username: string; password: string | undefined };
  /** Undefined: Clerk is the simulator. */
  realClerk: { receivesWebhooks: boolean } | undefined;
  demo: boolean;
  /** What of the environment is passed over, and why; one sentence each. */
  remarks: string[];
};

/** @throws EnvironmentError naming every variable that is missing or malformed */
export function readSettings(environment: Environment): Settings {
  const isReal = Boolean(environment["CLERK_SECRET_KEY"]?.trim());
  // The larger shape first: then one list names all that is wrong.
  const realClerk = isReal ? readRealClerk(environment) : undefined;
  const read = readEnvironment(plainShape, environment);
  return {
    dir: read.ROLLCALL_DIR,
    host: read.HOST,
    ports: {
      api: read.PORT,
      worker: read.WORKER_PORT,
      simulator: read.SIMULATOR_PORT,
      example: read.EXAMPLE_PORT,
    },
    databaseUrl: read.DATABASE_URL,
    usesRedis: read.REDIS_URL !== undefined,
    admin: { username: read.ADMIN_USERNAME, password: read.ADMIN_PASSWORD },
    realClerk,
    // Invented people do not go into somebody's own database unless somebody says so.
    demo: !isReal && (read.ROLLCALL_DEMO ?? String(read.DATABASE_URL === undefined)) === "true",
    remarks: isReal ? [] : remarksOnSimulator(environment),
  };
}

function readRealClerk(environment: Environment): Settings["realClerk"] {
  const { CLERK_WEBHOOK_SIGNING_SECRET: secret } = readEnvironment(realClerkShape, environment);
  return { receivesWebhooks: secret !== undefined };
}

function remarksOnSimulator(environment: Environment): string[] {
  const passedOver = Object.keys(variables).filter(
    (name) => name.startsWith("CLERK_") && environment[name]?.trim() && name !== "CLERK_AUTHORIZED_PARTIES",
  );
  const remarks: string[] = [];
  if (passedOver.length > 0) {
    remarks.push(
      `${passedOver.join(", ")}: passed over, since without CLERK_SECRET_KEY the simulator is Clerk.`,
    );
  }
  if (environment["DATABASE_URL"]?.trim()) {
    remarks.push("The simulator's people become rows in the database of DATABASE_URL.");
  }
  return remarks;
}
