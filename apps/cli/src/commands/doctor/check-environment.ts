import { EnvironmentError, readEnvironment, variables } from "@rollcall/contracts";
import { decideConnections, loadMapping } from "@rollcall/runtime";
import type { Environment } from "../../cli.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

/** Every variable of api and worker. The webhook secret has a check of its own. */
const { CLERK_WEBHOOK_SIGNING_SECRET: secret, ...shape } = variables;

/** A finding for each variable with which api or worker would not start. */
export function checkEnvironment(environment: Environment): Finding[] {
  const problems = findProblems(environment);
  if (problems.length === 0) {
    return [ok("environment", "Every variable that api and worker need is set and well formed.")];
  }
  return problems.map(({ name, says }) =>
    wrong(
      `environment.${name}`,
      says,
      `Set ${name} as .env.example shows it, and restart the processes that read it.`,
    ),
  );
}

function findProblems(environment: Environment): { name: string; says: string }[] {
  try {
    const { DATABASE_MAX_CONNECTIONS: max, REDIS_URL, ROLLCALL_CONFIG } = readEnvironment(shape, environment);
    loadMapping(ROLLCALL_CONFIG);
    for (const program of ["api", "worker"] as const)
      decideConnections(program, { max, hasRedis: REDIS_URL !== undefined });
    return [];
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    // After the headline each line begins with the variable's name.
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => ({ name: line.trim().split(" ")[0] ?? "", says: `${line.trim()}.` }));
  }
}

/** Clerk's secrets are `whsec_` and base64. A character lost in copying makes a different key. */
export function checkWebhookSecret(environment: Environment): Finding {
  const name = "webhook.secret";
  const given = environment["CLERK_WEBHOOK_SIGNING_SECRET"]?.trim();
  const where =
    "Clerk's dashboard, Webhooks, the endpoint, Signing Secret; several with commas while rotating.";
  if (!given) {
    return note(
      name,
      "CLERK_WEBHOOK_SIGNING_SECRET is not set here: an api without it answers webhooks with 503.",
      where,
    );
  }
  const read = secret.safeParse(given);
  if (read.success) return ok(name, `${read.data?.length ?? 0} secret(s), well formed.`);
  const faults = read.error.issues.map((issue) => issue.message).join("; ");
  return wrong(name, `CLERK_WEBHOOK_SIGNING_SECRET: ${faults}.`, `Copy it again: ${where}`);
}
