import { mostLoginsRefused, type Problem, type ProblemCode, type SystemStatus } from "@rollcall/contracts";

/** What `status` knows about the system. */
export type Facts = Omit<SystemStatus, "problems">;

type Found = {
  code: ProblemCode;
  count?: number | null;
  params?: Problem["params"];
  helps?: Partial<Problem["helps"]>;
};

/** The problems that need an operator, the most urgent first. */
export function findProblems(facts: Facts, { autoCreate }: { autoCreate: boolean }): Problem[] {
  const {
    clerk,
    queue,
    missingMigrations,
    schemaProblems,
    users,
    deadLetters,
    conflictsOpen,
    deletionsHeld,
    heldRunId,
  } = facts;
  const isDown = facts.postgres === "down";
  const refused = findRefusedLogins(facts.logins);
  const migrate = { command: "npx rollcall migrate" };
  const found: (Found | false | undefined)[] = [
    isDown && missingMigrations === null && { code: "postgres_down" },
    isDown && missingMigrations !== null && { code: "postgres_refuses_writes" },
    queue.state === "down" && { code: "queue_down", params: { backend: queue.backend } },
    !!missingMigrations?.length && {
      code: "migrations_missing",
      count: missingMigrations.length,
      params: { names: missingMigrations },
      helps: migrate,
    },
    !!schemaProblems?.length && {
      code: "schema_changed",
      count: schemaProblems.length,
      params: { problems: schemaProblems },
      helps: migrate,
    },
    facts.workers === 0 && { code: "no_worker", count: 0, helps: { command: "npx rollcall worker" } },
    refused && {
      code: "logins_refused",
      count: refused.refused,
      params: { answered: refused.answered, reasons: refused.reasons },
      helps: { command: "rollcall doctor" },
    },
    clerk.state === "down" && { code: "clerk_down" },
    clerk.state === "refused" && { code: "clerk_refused", params: { variable: "CLERK_SECRET_KEY" } },
    !!deadLetters && {
      code: "dead_letters",
      count: deadLetters,
      helps: { page: "/dead-letters", command: "rollcall dead-letters" },
    },
    ...facts.runs.map(
      ({ id, mode, state, reason, errorCode }): Found | false =>
        state === "failed" && {
          code: "run_failed",
          params: { runId: id, mode, reason: reason ?? "", errorCode: errorCode ?? "" },
          helps: { page: `/runs/${id}` },
        },
    ),
    !!deletionsHeld && {
      code: "deletions_held",
      count: deletionsHeld,
      helps: { page: heldRunId === null ? "/runs" : `/runs/${heldRunId}` },
    },
    autoCreate &&
      !!users?.withoutProfile && {
        code: "profiles_missing",
        count: users.withoutProfile,
        helps: { page: "/users?withoutProfile=true" },
      },
    facts.alertsFiring.length > 0 && {
      code: "alerts_firing",
      count: facts.alertsFiring.length,
      params: { names: facts.alertsFiring },
      helps: { page: "/alerts", command: "rollcall alerts" },
    },
    facts.forwardedUntrusted === true && { code: "forwarded_untrusted", params: { variable: "TRUST_PROXY" } },
    !!conflictsOpen && {
      code: "conflicts_open",
      count: conflictsOpen,
      helps: { page: "/conflicts", command: "rollcall conflicts" },
    },
  ];
  return found.flatMap((one) => (one ? [toProblem(one)] : []));
}

function toProblem({ code, count = null, params = {}, helps }: Found): Problem {
  return { code, count, params, helps: { page: null, command: null, ...helps } };
}

/** The refused logins; undefined while most logins succeed, or while there are few. */
function findRefusedLogins(logins: Facts["logins"]) {
  if (!logins || logins.answered < mostLoginsRefused.atLeast) return undefined;
  const byReason = Object.entries(logins.refused).sort(([, a], [, b]) => b - a);
  const refused = byReason.reduce((total, [, times]) => total + times, 0);
  if (refused / logins.answered <= mostLoginsRefused.above) return undefined;
  return {
    refused,
    answered: logins.answered,
    reasons: byReason.map(([outcome, times]) => `${outcome} ${times}`),
  };
}

/** One English sentence for a problem. The pages of the console have sentences of their own for each code. */
export function describeProblem({ code, count, params }: Problem): string {
  const list = (name: string, separator = ", ") => [params[name] ?? []].flat().join(separator);
  switch (code) {
    case "postgres_down":
      return "Postgres does not answer.";
    case "postgres_refuses_writes":
      return "Postgres answers reads and refuses writes: it is a replica, read-only or full.";
    case "queue_down":
      return `The queues (${params["backend"]}) do not answer, or answer reads and refuse writes.`;
    case "migrations_missing":
      return `Migrations are missing (${list("names")}): run npx rollcall migrate.`;
    case "schema_changed":
      return `The app's schema changed: ${list("problems", "; ")}. Run npx rollcall migrate.`;
    case "no_worker":
      return "No worker has reported within the last minute: jobs wait.";
    case "logins_refused":
      return `Most logins of the last 15 minutes are refused (${count} of ${params["answered"]}: ${list("reasons")}): rollcall doctor, and logins_refused in the runbook.`;
    case "clerk_down":
      return "Clerk does not answer: jobs wait for it.";
    case "clerk_refused":
      return "Clerk refuses the key: see CLERK_SECRET_KEY.";
    case "dead_letters":
      return `${count} dead letter(s): rollcall dead-letters.`;
    case "run_failed":
      return `The latest ${params["mode"]} run (${params["runId"]}) failed: ${params["reason"] || "see its row"}`;
    case "deletions_held":
      return `${count} deletion(s) held: an admin must confirm them.`;
    case "profiles_missing":
      return `${count} user(s) lack a profile that they should have.`;
    case "alerts_firing":
      return `Firing: ${list("names")}. See rollcall alerts.`;
    case "forwarded_untrusted":
      return "X-Forwarded-For reaches an api whose TRUST_PROXY is unset: callers behind a proxy share one limit. Set TRUST_PROXY.";
    case "conflicts_open":
      return `${count} conflict(s) to decide: rollcall conflicts.`;
    default:
      return code satisfies never;
  }
}
