import { problem, problemCodes, type RunView } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { describeProblem, type Facts, findProblems } from "./problems.ts";

const healthy: Facts = {
  postgres: "up",
  queue: { backend: "redis", state: "up" },
  clerk: { state: "up", users: 3 },
  missingMigrations: [],
  schemaProblems: [],
  workers: 1,
  forwardedUntrusted: false,
  queues: [],
  users: { live: 3, withoutProfile: 0, banned: 0, deleted: 0, countedAt: null },
  logins: { answered: 100, refused: { "unauthenticated.expired": 50 } },
  deadLetters: 0,
  conflictsOpen: 0,
  deletionsHeld: 0,
  heldRunId: null,
  alertsFiring: [],
  runs: [],
};

const run: RunView = {
  id: 7,
  mode: "full",
  dryRun: false,
  state: "failed",
  startedBy: "schedule",
  pages: 1,
  seen: 1,
  total: 1,
  counts: { created: 0, linked: 0, updated: 0, unchanged: 0, deleted: 0, held: 0, failed: 0 },
  missed: 0,
  cancelRequested: false,
  confirmedBy: null,
  confirmation: null,
  superseded: false,
  errorCode: "clerk.unavailable",
  reason: "Clerk did not answer",
  requestedAt: "2026-01-01T00:00:00.000Z",
  startedAt: null,
  heartbeatAt: null,
  finishedAt: null,
};

/** Each row is a code, the facts that lead to it, and a part of its sentence. */
const cases: [string, Partial<Facts>, string][] = [
  ["postgres_down", { postgres: "down", missingMigrations: null }, "does not answer"],
  ["postgres_refuses_writes", { postgres: "down" }, "refuses writes"],
  ["queue_down", { queue: { backend: "redis", state: "down" } }, "(redis)"],
  ["migrations_missing", { missingMigrations: ["0006_a", "0007_b"] }, "(0006_a, 0007_b)"],
  [
    "schema_changed",
    { schemaProblems: ["users.tier is missing", "users.role is missing"] },
    "tier is missing; users.role",
  ],
  ["no_worker", { workers: 0 }, "No worker"],
  [
    "logins_refused",
    { logins: { answered: 20, refused: { "session.no_azp": 9, "user.unknown": 2 } } },
    "(11 of 20: session.no_azp 9, user.unknown 2)",
  ],
  ["clerk_down", { clerk: { state: "down", users: null } }, "Clerk does not answer"],
  ["clerk_refused", { clerk: { state: "refused", users: null } }, "CLERK_SECRET_KEY"],
  ["dead_letters", { deadLetters: 2 }, "2 dead letter(s)"],
  ["run_failed", { runs: [run] }, "The latest full run (7) failed: Clerk did not answer"],
  ["deletions_held", { deletionsHeld: 4 }, "4 deletion(s) held"],
  [
    "profiles_missing",
    { users: { live: 3, withoutProfile: 1, banned: 0, deleted: 0, countedAt: null } },
    "1 user(s) lack",
  ],
  ["alerts_firing", { alertsFiring: ["no_worker", "queue_stalled"] }, "no_worker, queue_stalled"],
  ["forwarded_untrusted", { forwardedUntrusted: true }, "TRUST_PROXY"],
  ["conflicts_open", { conflictsOpen: 5 }, "5 conflict(s)"],
];

test("every code of the contract has a case here, and a healthy system has no problem", () => {
  expect(cases.map(([code]) => code)).toEqual([...problemCodes]);
  expect(findProblems(healthy, { autoCreate: true })).toEqual([]);
});

test("held deletions lead to the run that holds them", () => {
  const pageWith = (heldRunId: number | null) =>
    findProblems({ ...healthy, deletionsHeld: 4, heldRunId }, { autoCreate: true })[0]?.helps.page;
  expect([pageWith(7), pageWith(null)]).toEqual(["/runs/7", "/runs"]);
});

test.each(cases)("%s is found alone, and its sentence has the facts", (code, facts, says) => {
  const found = findProblems({ ...healthy, ...facts }, { autoCreate: true });
  expect(found.map((one) => problem.parse(one).code)).toEqual([code]);
  expect(found.map(describeProblem).join()).toContain(says);
});

test("problems come in the order of the contract, the most urgent first", () => {
  const { logins: _, ...rest } = Object.assign({}, ...cases.map(([, facts]) => facts));
  const found = findProblems({ ...healthy, ...rest }, { autoCreate: true }).map(({ code }) => code);
  expect(found).toEqual(problemCodes.filter((code) => found.includes(code)));
  expect(found.length).toBeGreaterThan(10);
});

test("users without a profile are no problem while creating profiles is off", () => {
  const users = { live: 3, withoutProfile: 1, banned: 0, deleted: 0, countedAt: null };
  expect(findProblems({ ...healthy, users }, { autoCreate: false })).toEqual([]);
});
