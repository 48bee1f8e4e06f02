/** The source with one guard removed, and the test that must fail without it. Chaos would meet some of them too rarely. */
export type TestedMutant = {
  name: string;
  /** The fault that the missing guard lets through. */
  breaks: string;
  /** A source file, from the repository's root. */
  within: string;
  /** Must match exactly once, or the mutant no longer fits the source. */
  find: RegExp;
  /** As in `String.replace`: `$1` is the first group. */
  replace: string;
  /** A file of tests, and how the name of the test begins. */
  test: { file: string; name: string };
};

const db = "packages/db/src";
const user = "packages/sync/src/user";
const reconcile = "packages/sync/src/reconcile";

const fill = `${db}/new-users.ts`;
const fillTest = (name: string) => ({ file: `${db}/new-users.int.test.ts`, name });
const asByTheWrite = fillTest("new users get the same rows, profiles, conflicts and events as by the write");

const organization = "packages/sync/src/organization";
const memberships = `${db}/memberships.ts`;
const pairTest = (name: string) => ({ file: `${db}/memberships.int.test.ts`, name });
const newerWins = pairTest("with default tables, newer reads win, ends are final");
const endTogether = pairTest(
  "with default tables, the deletion of a user or an organization ends its memberships",
);
const guardedApart = pairTest(
  "absences without a signed event are limited for organizations and memberships",
);
const jobTest = (name: string) => ({ file: `${organization}/sync-organization.int.test.ts`, name });
const asksAgain = jobTest("a refresh that asked before the row was there asks again");

/** The guards that a named test must find missing. Each source file is changed for the one run alone. */
export const testedMutants: readonly TestedMutant[] = [
  {
    name: "fill-known",
    breaks: "A page of new users tries each known user too, and uses up a number for its key",
    within: fill,
    find: /\n {4}and \(select true from \$\{u\.table\} k [^\n]*/,
    replace: "",
    test: fillTest("a known user, also a deleted one, is left alone and draws no number"),
  },
  {
    name: "fill-conflict",
    breaks: "A page of new users fails when one of them gets its row at this moment",
    within: fill,
    find: /\n {2}on conflict \(\$\{u\.clerkId\}\) do nothing/,
    replace: "",
    test: fillTest("a user whose row is made at this moment is left alone"),
  },
  {
    name: "fill-near",
    breaks: "A new user gets a second profile beside the unclaimed one of its address",
    within: fill,
    find: / and not n\.may_match/,
    replace: "",
    test: asByTheWrite,
  },
  {
    name: "fill-admin",
    breaks: "A new admin gets a profile",
    within: fill,
    find: / and n\.role <> 'admin'/,
    replace: "",
    test: asByTheWrite,
  },
  {
    name: "fill-banned",
    breaks: "A new banned user gets a profile",
    within: fill,
    find: / and not n\.banned/,
    replace: "",
    test: asByTheWrite,
  },
  {
    name: "fill-notification",
    breaks: "The app is notified of each profile of a first fill, however old its user is",
    within: fill,
    find: /case when n\.clerk_created_at > now\(\) - interval '24 hours' then now\(\) end/,
    replace: "now()",
    test: asByTheWrite,
  },
  {
    name: "fill-plain",
    breaks: "A user of whom Clerk said too little is written as if it had said everything",
    within: fill,
    find: /!isPartlyRead\(snapshot\) && /,
    replace: "",
    test: asByTheWrite,
  },
  {
    name: "fill-held",
    breaks: "A user that is new again is still deleted when an operator confirms",
    within: fill,
    find: /delete from rollcall\.held_deletions where clerk_id = any \(\$3::text\[\]\)/,
    replace: "select 1",
    test: fillTest("a deletion that waits for confirmation ends when the user is new"),
  },
  {
    name: "fill-trigger",
    breaks: "A profile is made beside the one that a trigger of the app makes behind the statement",
    within: fill,
    find: /where not \$\{hasInsertTrigger\([^\n]*/,
    replace: "where true",
    test: fillTest("a trigger of the app that 'makes the profile' behind each new user"),
  },
  {
    name: "fenced-step",
    breaks: "A page that is in step is stored without the run's lease",
    within: `${db}/run-steps.ts`,
    find: /\$\{advance\("from held "\)\}/,
    replace: '$${advance("")}',
    test: {
      file: `${reconcile}/leases.int.test.ts`,
      name: "a holder that slept through its lease stores no page that is in step",
    },
  },
  {
    name: "used-shards",
    breaks: "Jobs wait for good in a shard that an earlier QUEUE_SHARDS used",
    within: "packages/jobs/src/redis-backend.ts",
    find: /return counts\.some\(\(count\) => count > 0\) \? shard : \[\];/,
    replace: "return [];",
    test: {
      file: "packages/jobs/src/shards.int.test.ts",
      name: "from 4 to 2 shards, a process finds every job that waits",
    },
  },
  {
    name: "shards-after-close",
    breaks: "A process that stops opens a shard that it finds too late, and does not end",
    within: "packages/jobs/src/shards.ts",
    find: /watchers\.clear\(\);/,
    replace: "",
    test: {
      file: "packages/jobs/src/shards.test.ts",
      name: "a shard that a search finds during the close is not opened",
    },
  },
  {
    name: "shared-row",
    breaks: "A login is judged by a row that was read before it came",
    within: `${user}/read-rows.ts`,
    find: /cache: false,/,
    replace: "cacheKeyFn: ({ clerkId }) => clerkId as never,",
    test: {
      file: `${user}/sync-user.int.test.ts`,
      name: "logins read their rows together a login that comes while rows are read gets a statement of its own",
    },
  },
  {
    name: "row-of-another",
    breaks: "A login without a row is judged by the row of another login of the same statement",
    within: `${user}/read-rows.ts`,
    find: /byId\.get\(clerkId\)/,
    replace: "byId.get(clerkId) ?? rows.at(-1)",
    test: {
      file: `${user}/sync-user.int.test.ts`,
      name: "logins read their rows together in one statement, whose rows decide for each user alone",
    },
  },
  {
    name: "cache-lease",
    breaks: "A slow reader restores the cache entry that a writer deleted",
    within: "packages/sync/src/ensure/session-cache.ts",
    find: /(const fillScript = `\n)if redis\.call\("get", KEYS\[1\]\) == ARGV\[1\] then/,
    replace: "$1if true then",
    test: {
      file: "packages/sync/src/ensure/session-cache.int.test.ts",
      name: "a slow reader cannot restore an entry that a writer invalidated",
    },
  },
  {
    name: "second-read",
    breaks: "A user is deleted by an absence that was read before its sign-up",
    within: `${user}/sync-user.ts`,
    find: /if \(found\) return writeFound\(context, job, found\);\n {2}const absence/,
    replace: "const absence",
    test: {
      file: `${user}/sync-user.int.test.ts`,
      name: "an absence that was read before the sign-up never deletes the user, although the row exists",
    },
  },
  {
    name: "younger-row",
    breaks: "A delete job deletes a user whose row is younger than Clerk's answer",
    within: `${user}/sync-user.ts`,
    find: /if \(was === "live" && !hadRow\)/,
    replace: "if (false)",
    test: {
      file: `${user}/sync-user.int.test.ts`,
      name: "an absence that was read before the sign-up deletes no user whose row was written meanwhile",
    },
  },
  {
    name: "guard-day",
    breaks: "The guard of deletions counts those of all days",
    within: `${db}/absences.ts`,
    find: / and e\.at > now\(\) - interval '24 hours'/,
    replace: "",
    test: {
      file: `${user}/linking.int.test.ts`,
      name: "the deletions of the day before do not count, and signed deletions never count",
    },
  },
  {
    name: "watermark-overlap",
    breaks: "A change that Clerk shows late is behind the watermark and never read",
    within: `${reconcile}/incremental-sync.ts`,
    find: /fromMs - \(isLastPage \? 0 : longestListLagMs\)/,
    replace: "fromMs",
    test: {
      file: `${reconcile}/incremental-sync.int.test.ts`,
      name: "it reads down to the watermark minus five minutes, inclusive, over pages that overlap",
    },
  },
  {
    name: "tied-cursor",
    breaks: "A walk misses users of one millisecond when its cursor and users before it are deleted",
    within: `${reconcile}/fetch-page.ts`,
    find: /\(await listBehindTied\(clerk, position, after\)\) \?\? /,
    replace: "",
    test: {
      file: `${reconcile}/fetch-page.test.ts`,
      name: "misses no user of one millisecond when the cursor's user and many users before it are deleted",
    },
  },
  {
    name: "cover-extended",
    breaks: "The watermark rises to changes behind a full sync that may fail",
    within: `${reconcile}/incremental-sync.ts`,
    find: /if \(cover\) await extendCover\([^;]*;\n\s*else /,
    replace: "",
    test: {
      file: `${reconcile}/incremental-sync.int.test.ts`,
      name: "a full sync is requested once by more than twenty pages of changes: passes until its end read the changes",
    },
  },
  {
    name: "late-item",
    breaks: "A job is added long after its request was answered 503",
    within: "packages/jobs/src/batcher.ts",
    find: /\n {6}rejectLate\(\);/,
    replace: "",
    test: {
      file: "packages/jobs/src/batcher.test.ts",
      name: "an item that waited for too long is rejected and not sent, and later ones are sent",
    },
  },
  {
    name: "byte-exact",
    breaks: "A body with a byte that is no UTF-8 passes for a signed one",
    within: "packages/clerk/src/delivery.ts",
    find: /if \(!isUtf8\(rawBody\)\) return [^\n]*/,
    replace: "",
    test: {
      file: "packages/clerk/src/delivery.test.ts",
      name: "refused, although a key holder signed something near it a byte FF in the place of a signed U+FFFD, in a small body",
    },
  },
  {
    name: "token-expiry",
    breaks: "A verified token is accepted after it has expired",
    within: "packages/clerk/src/session-token.ts",
    find: /verified\.set\(digest, identity, \{ ttl \}\)/,
    replace: "verified.set(digest, identity)",
    test: { file: "packages/clerk/src/session-token.test.ts", name: "a remembered token still expires" },
  },
  {
    name: "later-membership",
    breaks: "A late answer about an earlier membership of a pair wins over the later one",
    within: memberships,
    find: /\n {4}when k\.clerk_created_at <> t\.clerk_created_at then k\.clerk_created_at > t\.clerk_created_at/,
    replace: "",
    test: newerWins,
  },
  {
    name: "final-end",
    breaks: "A late answer brings an ended membership back",
    within: memberships,
    find: /when t\.membership_id = k\.membership_id then t\.deleted_at is null/,
    replace: "when t.membership_id = k.membership_id then true",
    test: newerWins,
  },
  {
    name: "membership-sequence",
    breaks: "Of two reads of one version of a membership, the earlier one wins",
    within: memberships,
    find: /\(coalesce\(k\.clerk_updated_at, '-infinity'\), k\.read_ticket\)\s+> \(coalesce\(t\.clerk_updated_at, '-infinity'\), coalesce\(t\.read_ticket, 0\)\)/,
    replace: "coalesce(k.clerk_updated_at, '-infinity') >= coalesce(t.clerk_updated_at, '-infinity')",
    test: newerWins,
  },
  {
    name: "end-of-another",
    breaks: "An absence ends another membership of the pair than the one that Clerk was asked about",
    within: memberships,
    find: / and t\.membership_id is not distinct from \$7(\n {2}returning)/,
    replace: "$1",
    test: newerWins,
  },
  {
    name: "locked-user",
    breaks: "A membership is written beside the deletion of its user",
    within: memberships,
    find: / or a\.clerk_id <> all \(\$10::text\[\]\)/,
    replace: "",
    test: pairTest("a user whose row comes too late to be locked counts as missing"),
  },
  {
    name: "end-with-organization",
    breaks: "A deleted organization keeps its members",
    within: `${db}/organizations.ts`,
    find: /await endMembershipsOf\(db, "organization"[^\n]*/,
    replace: "",
    test: endTogether,
  },
  {
    name: "end-with-user",
    breaks: "A deleted user stays a member",
    within: `${db}/deletions.ts`,
    find: /await endMembershipsOf\(db, "user"[^\n]*/,
    replace: "",
    test: endTogether,
  },
  {
    name: "guard-organizations",
    breaks: "Any number of organizations is deleted because Clerk's answers lack them",
    within: `${db}/organizations.ts`,
    find: /!\(await mayDeleteAbsentOf\(db, "organization_states"[^)]*\)\)/,
    replace: "false",
    test: guardedApart,
  },
  {
    name: "guard-memberships",
    breaks: "Any number of memberships ends because Clerk's answers lack them",
    within: memberships,
    find: /!\(await mayDeleteAbsentOf\(db, "membership_states"[^)]*\)\)/,
    replace: "false",
    test: guardedApart,
  },
  {
    name: "pair-lock-order",
    breaks: "Two writes of the same pairs lock them in different orders",
    within: memberships,
    find: / order by o collate "C", u collate "C"(\non conflict)/,
    replace: "$1",
    test: pairTest("writes of pairs and deletions of their users and organizations never deadlock"),
  },
  {
    name: "organization-second-read",
    breaks: "An organization is deleted by an absence that was read before it was made",
    within: `${organization}/refresh-organization.ts`,
    find: /\n {2}if \("found" in second\.result\) return write\([^;]*;/,
    replace: "",
    test: asksAgain,
  },
  {
    name: "membership-second-read",
    breaks: "A membership is ended by an absence that was read before it was made",
    within: `${organization}/refresh-membership.ts`,
    find: /\n {2}if \("found" in second\.result\)\s+return writeFound\([^;]*;/,
    replace: "",
    test: asksAgain,
  },
  {
    name: "young-membership",
    breaks: "A list that is older than a membership ends it",
    within: `${organization}/refresh-membership.ts`,
    find: /\n {2}if \(isYoung\(before\)\) return leaveYoung\(attempt\);/,
    replace: "",
    test: jobTest("a list that may be older than a membership ends it only after a signed event about it"),
  },
  {
    name: "unread-role",
    breaks: "A membership is written with a role that could not be read",
    within: `${organization}/snapshots.ts`,
    find: /if \(found\.role === null\) throw[^;]*;/,
    replace: "",
    test: jobTest("a role that cannot be read writes nothing"),
  },
];
