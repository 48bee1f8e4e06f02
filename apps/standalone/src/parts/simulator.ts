import { join } from "node:path";
import type { Provisioning, RollcallTables } from "@rollcall/clerk-simulator";
import { defaultMapping, type Mapping, toQualified } from "@rollcall/contracts";
import { places } from "../places.ts";
import { untilAnswers } from "../processes/readiness.ts";
import { startProcess } from "../processes/supervised-process.ts";
import { originsOn, type Wiring } from "./environments.ts";
import type { StartOptions } from "./part.ts";

export type Simulator = {
  url: string;
  /** Lets the page show the cause of a user's profile. */
  noteProvisioning(userId: string, cause: string): void;
};

/** The simulator keeps its people there. */
export const peopleFileIn = (dir: string) => join(dir, "people.jsonl");

/** Starts the Clerk simulator with its page. */
export async function startSimulator(
  { dir, parts, narrator, say, signal }: StartOptions,
  { settings, secrets, ports, databaseUrl }: Wiring,
  apiUrl: string,
): Promise<Simulator> {
  say("Starting the Clerk simulator");
  const simulator = await startProcess({
    name: "simulator",
    entry: places.programs.simulator,
    environment: {
      SIM_PORT: String(ports.simulator),
      SIM_SECRET_KEY: secrets.clerkSecretKey,
      SIM_WEBHOOK_SECRET: secrets.clerkWebhookSecret,
      SIM_SIGNING_KEY: secrets.clerkSigningKey,
      SIM_PEOPLE_FILE: peopleFileIn(dir),
      SIM_API_URL: apiUrl,
      SIM_DATABASE_URL: databaseUrl,
      SIM_TABLES: JSON.stringify(describeTables(settings.mapping)),
      SIM_RESTART: `CLERK_AUTHORIZED_PARTIES=${[...settings.appOrigins, "{origin}"].join(",")} ${places.command}`,
      SIM_APP_ORIGINS: [...originsOn(ports.example), ...settings.appOrigins].join(","),
    },
    logFile: join(dir, "logs/simulator.log"),
    onMessage: narrator.readHappening,
    say,
  });
  parts.push(simulator);
  const url = `http://127.0.0.1:${ports.simulator}`;
  await untilAnswers(simulator, `${url}/__sim/info`, signal);
  return {
    url,
    noteProvisioning: (userId, cause) =>
      simulator.send({ kind: "provisioned", userId, cause } satisfies Provisioning),
  };
}

/** The tables and columns that the page shows. A field that the mapping leaves out has a column with its default name. */
function describeTables({ users, profile }: Mapping): RollcallTables {
  const { name, ...columns } = users.columns;
  const defaults = defaultMapping.users.columns;
  const nameOf = (field: Exclude<keyof typeof columns, "clerkId">) =>
    columns[field] ?? defaults[field] ?? field;
  const shown = Object.entries(profile?.columns ?? {}).filter(
    ([, column]) => "from" in column && (column.from === "name" || column.from.startsWith("publicMetadata")),
  );
  return {
    users: {
      table: toQualified(users.table),
      columns: {
        clerkId: columns.clerkId,
        createdAt: nameOf("createdAt"),
        ...(name === undefined ? {} : { name }),
        email: nameOf("email"),
        role: nameOf("role"),
        tier: nameOf("tier"),
        banned: nameOf("banned"),
        deletedAt: nameOf("deletedAt"),
      },
    },
    profile: profile && {
      table: toQualified(profile.table),
      link: profile.link,
      userKey: users.key.column,
      shown: shown.map(([column]) => column),
    },
  };
}
