import type { Fact } from "./facts-table.ts";
import type { Settings } from "./settings.ts";

export type SystemFacts = {
  settings: Settings;
  urls: { api: string; worker: string; simulated: { simulator: string; example: string } | undefined };
  /** As a person would write it from where they stand. */
  dir: string;
  adminPassword: string;
};

/** All that somebody needs to know of a system that has just started. */
export function describeSystem(facts: SystemFacts): Fact[][] {
  return [describeAddresses(facts), describeParts(facts), describeFolder(facts)];
}

function describeAddresses({ settings, urls, adminPassword }: SystemFacts): Fact[] {
  const { username, password } = settings.admin;
  const login = `login ${username}, password ${password === undefined ? adminPassword : "as in ADMIN_PASSWORD"}`;
  const addresses: Fact[] = [
    ["API", urls.api, "POST /api/ensure, POST /api/webhooks/clerk"],
    ["Queues", `${urls.api}/admin/queues`, login],
    ["Metrics", `${urls.api}/metrics`, `worker: ${urls.worker}/metrics`],
  ];
  if (urls.simulated === undefined) return addresses;
  return [
    ["Open this", urls.simulated.simulator, "sign people up, lose their webhooks, watch them arrive"],
    ["An app", urls.simulated.example, "sign up as a mentee there, and see the dashboard"],
    ...addresses,
  ];
}

function describeParts({ settings, dir }: SystemFacts): Fact[] {
  return [
    settings.realClerk
      ? ["Clerk", "the real one", describeWebhooks(settings.realClerk.receivesWebhooks)]
      : ["Clerk", "simulator", "CLERK_SECRET_KEY replaces it"],
    settings.databaseUrl === undefined
      ? ["Postgres", `embedded, ${dir}/postgres`, "DATABASE_URL replaces it"]
      : ["Postgres", "that of DATABASE_URL"],
    settings.usesRedis
      ? ["Queues on", "that of REDIS_URL"]
      : ["Queues on", "the same Postgres", "REDIS_URL moves them to Redis"],
  ];
}

function describeWebhooks(received: boolean): string {
  return received
    ? "send its webhooks to /api/webhooks/clerk"
    : "no webhooks: CLERK_WEBHOOK_SIGNING_SECRET is not set; ensure works";
}

function describeFolder({ dir, settings }: SystemFacts): Fact[] {
  const kept =
    settings.databaseUrl === undefined ? "kept between runs" : "secrets and the simulator's people";
  const rollcall = dir === ".rollcall" ? "npx rollcall" : `ROLLCALL_DIR=${dir} npx rollcall`;
  return [
    ["Data", dir, `${kept}; begin anew: npm start -- --fresh`],
    ["Logs", `${dir}/logs`, "api.log, worker.log and more"],
    ["Ask why", `${rollcall} explain <id>`, "the page shows each person's id"],
    ["Compare", `${rollcall} reconcile`, "everybody at Clerk with the tables, now"],
    ["Stop", "Ctrl-C", "a second Ctrl-C stops at once"],
  ];
}
