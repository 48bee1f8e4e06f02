import { expect, test } from "vitest";
import { type Exception, findRetiredTerms, type RetiredTerm } from "./retired-terms.ts";
import { listFiles, readText } from "./tree.ts";

/** A retired term with lines in which the rule must find it, and lines in which it must not. */
type Row = RetiredTerm & { found: readonly string[]; allowed?: readonly string[] };

const inLab = /^lab\//;

const table: readonly Row[] = [
  {
    term: "nudge",
    say: "sync job",
    pattern: /nudge/i,
    found: ["addNudge(queue)", "the nudges of a user"],
  },
  {
    term: "look",
    say: "refresh (the job), attempt or retry",
    pattern:
      /\blook(s|ed|ing)? (again|at user)\b|\b(a|an|another|each|every|first|last|next|no|one|second|this) looks?\b(?! up)|\blook (at|again|job|kind|user)\b(?=\(|:| \w+ \d)|["'`]look["'`]/i,
    found: ["it looks again", "another look", "const user = lookAt(id)", 'kind: "look"', "the last look"],
    allowed: [
      "a look-up by id",
      "a lookup",
      "it looks like JSON",
      "it looks at the row",
      "dashboard-looks.test.ts",
    ],
  },
  {
    term: "bury, burial",
    say: "delete, deletion",
    pattern: /\bbur(y|ies|ied|ying|ials?)\b/i,
    found: ["buryUser(pool)", "a buried user", "after the burial"],
  },
  {
    term: "sweep",
    say: "full sync",
    pattern: /sweep|\bswept\b/i,
    found: ["startSweep()", "a sweeping run", "every user was swept"],
  },
  {
    term: "suspect",
    say: "deletion candidate",
    pattern: /suspect/i,
    found: ["rollcall.suspects", "addSuspect(id)"],
  },
  { term: "witness", say: "sentinel user", pattern: /witness/i, found: ["pickWitness()", "with witnesses"] },
  {
    term: "profile candidate, waiting profile",
    say: "unclaimed profile",
    pattern: /\b(profile candidate|candidate profile|waiting profile)s?\b/i,
    found: ["profileCandidates", "a candidate profile", "waiting_profiles"],
    allowed: ["the candidates of a conflict"],
  },
  {
    term: "read ticket",
    say: "read sequence",
    pattern: /(?<!severity: |["'`])\btickets?\b(?!: an operator)|\bticketed\b|\bread tickets?\b/i,
    found: ["a read ticket", "const readTickets = []", "drawTicket(pool)", "type TicketedPage"],
    allowed: [
      "u.read_ticket",
      "user.readTicket",
      'severity: "ticket"',
      "severity: ticket",
      "`ticket` means",
      "ticket: an operator should act",
    ],
  },
  {
    term: "reading (of a user)",
    say: "fetch result",
    pattern:
      /\b(user|clerk|found|list(ed)?) readings?\b|\breadings\b|\breadings? of (a |the )?(user|clerk)\b|(?<!\bis )\breading(?=: (fetch|exclude|read)|\)|\}| = |\.\w| =>)/i,
    found: [
      "type UserReading",
      "the reading of Clerk",
      "{ reading: FetchResult }",
      "const reading = await get()",
    ],
    allowed: ["while reading rows", 'connection: "reading"', "reading: { timeoutMs }", "isReading = true"],
  },
  {
    term: "trial",
    say: "dry run, staging table or inRolledBackTransaction",
    pattern: /\btrials?\b/i,
    found: ["inTrial(pool)", "the trial book", "a trial_book"],
    allowed: ["an industrial engine"],
  },
  {
    term: "patience",
    say: "retry (withRetry, RetryingClerk), time limit",
    pattern: /\bpatien(ce|t|tly)\b/i,
    found: ["withPatience()", "class PatientClerk", "patienceMs"],
  },
  {
    term: "put back",
    say: "snooze",
    pattern: /\bput(s|ting)?( \w+){0,2} back\b(?! (what|an entry))/i,
    found: ["putBack(job)", "the job is put back", "puts a job back"],
    allowed: ["a reader cannot put back what a writer dropped"],
  },
  {
    term: "order a run",
    say: "requestRun, cancelRun",
    pattern:
      /\border(s|ed|ing)?( (a|an|the|another|no|one))? (full )?(runs?|cancellations?|confirmations?)\b/i,
    found: ["orderRun(pool)", "orderCancellation()", "a person ordered a run"],
    allowed: ["in the order of runs"],
  },
  {
    term: "take on runs, upkeep",
    say: "claimIdleRuns, maintenance",
    pattern: /\b(take[ns]?|taking|took) on (idle |the )?runs?\b|\bupkeep\b/i,
    found: ["takeOnRuns()", "a worker took on the run", "startUpkeep()"],
  },
  {
    term: "figures",
    say: "gauges, queue stats or measurements",
    pattern: /\bfigures?\b/i,
    found: ["readFigures()", "queue_figures", "the figures of a queue"],
    allowed: ["configure", "configuration"],
  },
  {
    term: "levels",
    say: "gauges or queue stats",
    pattern: /(?<!\b(log|heading|isolation) )\blevels\b/i,
    found: ["readLevels()", "the levels of the queues"],
    allowed: ["log levels", 'level: "warn"'],
  },
  {
    term: "notice",
    say: "notification",
    pattern: /(?<!["'`])\bnotices?\b(?! (that|when|if|it|this|the|nothing|no)\b)/i,
    found: ["sendNotice()", "alert notices", "a notice is sent"],
    allowed: ["the user notices that it works", "TCP notices nothing", 'client.on("notice")'],
  },
  {
    term: "told, untold",
    say: "sent, pending",
    pattern: /\b(un)?told\b/i,
    found: ["told_fired_at", "toldFiredAt", "the untold ones", "the queue is told"],
  },
  {
    term: "law",
    say: "invariant",
    pattern: /\blaws?\b/i,
    within: inLab,
    found: ["checkLaws()", "a law is broken"],
    allowed: ["a flaw"],
  },
  {
    term: "strike",
    say: "inject a fault",
    pattern: /\b(stri(ke|kes|king)|struck)\b/i,
    within: inLab,
    found: ["strikeWorker()", "faults struck"],
  },
  {
    term: "play",
    say: "run (a scenario)",
    pattern: /\bplay(s|ed|ing)?\b/i,
    within: inLab,
    found: ["playPlan()", "a plan is played"],
    allowed: ["replay", "display", "playwright-core", "a player"],
  },
  {
    term: "sandbox",
    say: "Clerk simulator or local services",
    pattern: /sandbox/i,
    found: ["packages/sandbox", "startSandbox()"],
    allowed: ["--no-sandbox"],
  },
  {
    term: "whoever, somebody, nobody, anybody, everybody",
    say: "a named subject: the user, the worker, an operator, the caller",
    pattern: /\b(whoever|somebody|nobody|anybody|everybody)\b/i,
    found: ["whoever comes", "Somebody waits", "user_nobody", "isAnybody", "everybody's rows"],
  },
];

/** The only files that may hold a retired term. At most 20, and each is still needed. */
const exceptions: readonly Exception[] = [
  {
    path: "tests/tidy/retired-terms.test.ts",
    terms: table.filter(({ within }) => within === undefined).map(({ term }) => term),
    reason: "This table holds the terms.",
  },
  {
    path: "packages/client/src/server/provision.ts",
    terms: ["patience"],
    reason: "`patienceMs` is a public option of the client.",
  },
  {
    path: "packages/client/src/server/provision.test.ts",
    terms: ["patience"],
    reason: "It tests the public option `patienceMs`.",
  },
];

const withoutExceptions = ["README.md", "docs/ARCHITECTURE.md", "docs/RUNBOOK.md", "docs/INVARIANTS.md"];

/** Texts that we do not write, or that are not text. */
const skipped = /(^|\/)LICENSE$|^package-lock\.json$|\.(png|ico|woff2)$/;

test("no file holds a retired term", () => {
  const files = listFiles().filter((path) => !skipped.test(path));
  const found = files.flatMap((path) => findRetiredTerms(path, readText(path), table, exceptions));
  expect(found).toEqual([]);
});

test("there are at most 20 exceptions, none of them a main document, and each is needed", () => {
  expect(exceptions.length).toBeLessThanOrEqual(20);
  expect(exceptions.filter(({ path }) => withoutExceptions.includes(path))).toEqual([]);
  for (const { path, terms, reason } of exceptions) {
    expect(reason).not.toBe("");
    const found = findRetiredTerms(path, readText(path), table, []);
    expect(terms.filter((term) => !found.some((line) => line.includes(`: ${term}; say`)))).toEqual([]);
  }
});

const planted = table.flatMap(({ found, ...row }) => found.map((line) => [line, row] as const));
test.each(planted)("%s is refused", (line, { term, say }) => {
  expect(findRetiredTerms("lab/a.ts", line, table, [])).toContain(`lab/a.ts:1: ${term}; say "${say}"`);
});

const allowed = table.flatMap(({ allowed = [], ...row }) => allowed.map((line) => [line, row] as const));
test.each(allowed)("%s is allowed", (line, row) => {
  expect(findRetiredTerms("lab/a.ts", line, [row], [])).toEqual([]);
});

test("a retired term in a file name is found, and a term of the lab only there", () => {
  expect(findRetiredTerms("packages/jobs/src/nudge-worker.ts", "", table, [])).toEqual([
    'packages/jobs/src/nudge-worker.ts:0: nudge; say "sync job"',
  ]);
  expect(findRetiredTerms("docs/DEPLOY.md", "by law", table, [])).toEqual([]);
});

test("an exception covers only its own terms in its own file", () => {
  const exception = { path: "lab/a.ts", terms: ["nudge"], reason: "for this test" };
  expect(findRetiredTerms("lab/a.ts", "a nudge by whoever", table, [exception])).toHaveLength(1);
  expect(findRetiredTerms("lab/b.ts", "a nudge", table, [exception])).toHaveLength(1);
});
