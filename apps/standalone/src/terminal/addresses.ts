import { places } from "../places.ts";
import type { Settings } from "../settings.ts";

/** A line of the table: name, place, note. */
export type Address = readonly [name: string, where: string, note?: string];

/** `example` is undefined if the example app is left out. */
export type SimulatedUrls = { simulator: string; example: string | undefined };

export type StartedParts = {
  settings: Settings;
  urls: {
    console: string;
    api: string;
    worker: string;
    simulated: SimulatedUrls | undefined;
  };
  /** As it is shown on the terminal. */
  dir: string;
  adminPassword: string;
};

/** The groups of the table that is printed after the start. */
export function listAddresses(started: StartedParts): Address[][] {
  return [listUrls(started), listServices(started), listFolder(started)];
}

function listUrls({ settings, urls, adminPassword }: StartedParts): Address[] {
  const { username, password } = settings.admin;
  const login = `login ${username}, password ${password === undefined ? adminPassword : "as in ADMIN_PASSWORD"}`;
  const console: Address = ["Console", urls.console, login];
  const addresses: Address[] = [
    ["API", urls.api, "POST /api/ensure, POST /api/webhooks/clerk"],
    ["Queues", `${urls.console}/queues`, "BullMQ's board, with the same login"],
    ["Metrics", `${urls.api}/metrics`, `worker: ${urls.worker}/metrics`],
  ];
  if (urls.simulated === undefined) return [console, ...addresses];
  return [
    console,
    ["People", urls.simulated.simulator, "sign up people, lose their webhooks, watch their rows appear"],
    ...listExample(urls.simulated.example),
    ...listOwnApps(settings, urls.simulated),
    ...addresses,
  ];
}

function listExample(example: string | undefined): Address[] {
  return example === undefined ? [] : [["An app", example, "sign up as a mentee, and see the dashboard"]];
}

/** Apps of the operator's own, which may use the simulator in Clerk's place. */
function listOwnApps({ appOrigins }: Settings, { simulator }: SimulatedUrls): Address[] {
  const note = `may sign users in at ${simulator}: use connectSimulator of @rollcall/client/simulator`;
  return appOrigins.map((origin) => ["Your app", origin, note]);
}

function listServices({ settings, dir }: StartedParts): Address[] {
  return [
    settings.realClerk
      ? ["Clerk", "the real one", describeWebhooks(settings.realClerk.receivesWebhooks)]
      : ["Clerk", "simulator", "set CLERK_SECRET_KEY to use the real one"],
    settings.databaseUrl === undefined
      ? ["Postgres", `embedded, ${dir}/postgres`, "set DATABASE_URL to use another one"]
      : ["Postgres", "from DATABASE_URL"],
    settings.usesRedis
      ? ["Queues on", "Redis from REDIS_URL"]
      : ["Queues on", "the same Postgres", "set REDIS_URL to use Redis"],
  ];
}

function describeWebhooks(received: boolean): string {
  return received
    ? "send its webhooks to /api/webhooks/clerk"
    : "no webhooks: CLERK_WEBHOOK_SIGNING_SECRET is not set; ensure works";
}

function listFolder({ dir, settings }: StartedParts): Address[] {
  const kept =
    settings.databaseUrl === undefined ? "kept between starts" : "secrets and the simulator's people";
  const rollcall = dir === ".rollcall" ? "npx rollcall" : `ROLLCALL_DIR=${dir} npx rollcall`;
  return [
    ["Data", dir, `${kept}; to start empty: ${places.commandWith("--fresh")}`],
    ["Logs", `${dir}/logs`, "api.log, worker.log and more"],
    ...(settings.realClerk?.isProduction ? [] : listCommands(rollcall)),
    ["Stop", "Ctrl-C", "a second Ctrl-C stops at once"],
  ];
}

/** The command refuses to work on a start with production users. */
function listCommands(rollcall: string): Address[] {
  return [
    ["Explain", `${rollcall} explain <id>`, "why a user has a row or not; the page shows the ids"],
    ["Compare", `${rollcall} reconcile`, "compare every user at Clerk with the tables now"],
  ];
}

/** Aligns the columns of all groups. A blank line separates the groups. */
export function formatAddresses(groups: readonly (readonly Address[])[]): string {
  const all = groups.flat();
  const widthOf = (column: 0 | 1) => Math.max(...all.map((address) => address[column].length));
  const [first, second] = [widthOf(0), widthOf(1)];
  const format = ([name, where, note = ""]: Address) =>
    `  ${name.padEnd(first)}  ${where.padEnd(second)}  ${note}`.trimEnd();
  return groups.map((group) => `${group.map(format).join("\n")}\n`).join("\n");
}
