import type { ListedMembership, ListedOrganization } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  addMissingEntries,
  addUndatedEntries,
  countEntryCandidates,
  decideEntryCandidates,
  dropDecidedMemberships,
  type EntryKind,
  listMembershipCandidates,
  listOrganizationCandidates,
  nextReadSequence,
} from "@rollcall/db";
import { inChildSpan } from "@rollcall/observability";
import { confirmMembers, confirmOrganizations, maxOrganizationsPerConfirmation } from "./confirm-entries.ts";
import { endMissing, invalidateAbsent } from "./end-missing.ts";
import { listMemberships, listOrganizations } from "./entry-lists.ts";
import { type Advance, type OrganizationProgress, organizationStart } from "./organization-progress.ts";
import type { RetryingClerk } from "./retrying-clerk.ts";
import type { Runner } from "./runner.ts";
import { type EntryPosition, entryStart, fetchEntries, type WalkedEntries } from "./walk-entries.ts";
import { type EntryCounts, writeMemberships, writeOrganizations } from "./write-entries.ts";

/** The number of organizations and memberships at Clerk; 0 while they are off, without a request. */
export async function countEntries({ context, clerk }: Runner): Promise<number> {
  if (!context.pool.tables.organizations) return 0;
  const organizations = await listOrganizations(clerk, "+created_at", 1).list(0);
  const memberships = await listMemberships(clerk, "+created_at", 1).list(0);
  return (organizations.totalCount ?? 0) + (memberships.totalCount ?? 0);
}

/**
 * Makes our rows equal to all of Clerk's organizations and memberships, and ends those that Clerk no longer has. No end is
 * decided before both lists were read to their ends. Another process can resume each phase.
 *
 * @param from the progress of an earlier runner
 * @param advance stores the progress with the checkpoint of the run
 * @throws AppError the reason of a failure; RunStop
 */
export async function syncOrganizations(
  runner: Runner,
  from: OrganizationProgress | undefined,
  advance: Advance,
): Promise<OrganizationProgress> {
  let progress = from ?? organizationStart;
  if (progress.phase === "organizations")
    progress = await walkList(runner, progress, advance, {
      kind: "organizations",
      fetch: (clerk, position) => fetchEntries(listOrganizations(clerk, "+created_at"), position),
      toEntry: ({ clerkOrgId }: ListedOrganization) => clerkOrgId && { clerkOrgId },
      write: writeOrganizations,
      next: "memberships",
    });
  if (progress.phase === "memberships")
    progress = await walkList(runner, progress, advance, {
      kind: "memberships",
      fetch: (clerk, position) => fetchEntries(listMemberships(clerk, "+created_at"), position),
      toEntry: ({ pair }: ListedMembership) => pair,
      write: writeMemberships,
      next: "confirm",
    });
  if (progress.phase === "confirm") {
    await confirmAll(runner, progress, advance);
    progress = { ...progress, phase: "end" };
    await advance(progress, async () => ({}));
  }
  if (progress.phase === "end") progress = await endMissing(runner, progress, advance);
  if (!runner.dryRun) await invalidateAbsent(runner);
  return progress;
}

type Walk<Entry> = {
  kind: EntryKind;
  fetch: (clerk: RetryingClerk, position: EntryPosition) => Promise<WalkedEntries<Entry>>;
  toEntry: (entry: Entry) => { clerkOrgId: string; clerkId?: string } | null | "";
  write: (runner: Runner, entries: readonly Entry[], readTicket: number) => Promise<EntryCounts>;
  next: OrganizationProgress["phase"];
};

/** Reads one list to its end, and writes what differs. */
async function walkList<Entry>(
  runner: Runner,
  from: OrganizationProgress,
  advance: Advance,
  walk: Walk<Entry>,
): Promise<OrganizationProgress> {
  const { kind } = walk;
  const runId = runner.run.view.id;
  let progress = from;
  for (let isLast = false; ; ) {
    const span = { name: `reconcile ${kind} page` };
    ({ progress, isLast } = await inChildSpan(runner.context.tracing, span, () =>
      walkPage(runner, progress, advance, walk),
    ));
    if (!isLast) continue;
    const isComplete = await checkEnd(runner, progress, kind);
    const rest = isComplete ? { phase: walk.next, walks: 1 } : { walks: progress.walks + 1 };
    progress = { ...progress, ...rest, position: entryStart };
    await advance(progress, async (client) => {
      if (isComplete) await addUndatedEntries(client, runId, kind);
      return {};
    });
    if (isComplete) return progress;
  }
}

async function walkPage<Entry>(
  runner: Runner,
  progress: OrganizationProgress,
  advance: Advance,
  { kind, fetch, toEntry, write }: Walk<Entry>,
): Promise<{ progress: OrganizationProgress; isLast: boolean }> {
  const { context, run, clerk } = runner;
  const { position, made } = progress;
  const readTicket = await nextReadSequence(context.pool);
  const { entries, fresh, next, isLast } = await fetch(clerk, position);
  const counts = await write(runner, entries, readTicket);
  const range = { afterMs: position.afterMs, untilMs: isLast ? null : next.afterMs };
  const stored = {
    ...progress,
    position: next,
    made: { ...made, [kind]: made[kind] + counts.created },
  };
  await advance(stored, async (client) => {
    await addMissingEntries(client, run.view.id, {
      ...range,
      kind,
      entries: entries.flatMap((entry) => toEntry(entry) || []),
    });
    const differing = counts.created + counts.updated + counts.failed;
    // Entries of the overlap were counted with the page before.
    return { pages: 1, seen: fresh, counts: { ...counts, unchanged: Math.max(0, fresh - differing) } };
  });
  return { progress: stored, isLast };
}

const maxWalks = 3;

/**
 * Decides whether a walk that came to the end of a list is complete. It is when it saw as many entries as Clerk counted at
 * its start. What goes meanwhile is among the candidates if it has a row. If it has none, the list is walked again.
 *
 * @returns false when it must be walked again
 * @throws AppError `reconcile.list_incomplete`
 */
async function checkEnd(
  { context, run }: Runner,
  { position: { seen, total }, walks }: OrganizationProgress,
  kind: EntryKind,
): Promise<boolean> {
  if (seen >= total) return true;
  const candidates = await countEntryCandidates(context.pool, run.view.id, kind, { isAbsent: false });
  if (seen + candidates >= total) return true;
  if (walks < maxWalks) return false;
  throw new AppError("reconcile.list_incomplete", `Clerk's list of ${kind} ended after ${seen} of ${total}`);
}

/**
 * Asks Clerk by id for each candidate. One that Clerk has is written, and if it is older than the lists, it proves that they
 * were cut off. Then nothing ends.
 *
 * @throws AppError `reconcile.unconfirmed` or `reconcile.list_incomplete`
 */
async function confirmAll(runner: Runner, progress: OrganizationProgress, advance: Advance): Promise<void> {
  const { context, clerk, run } = runner;
  const runId = run.view.id;
  for (;;) {
    const candidates = await listOrganizationCandidates(context.pool, runId, maxOrganizationsPerConfirmation);
    if (candidates.length === 0) break;
    const readTicket = await nextReadSequence(context.pool);
    const { present, absent } = await confirmOrganizations(clerk, candidates);
    const gone = new Set(absent);
    refuseUnlisted(
      "organizations",
      candidates.filter(({ clerkOrgId }) => !gone.has(clerkOrgId)),
    );
    const counts = await writeOrganizations(runner, present, readTicket);
    await store(counts, {
      present: present.flatMap(({ clerkOrgId }) => (clerkOrgId === null ? [] : [{ clerkOrgId }])),
      absent: absent.map((clerkOrgId) => ({ clerkOrgId })),
    });
  }
  await advance(progress, async (client) => {
    await dropDecidedMemberships(client, runId);
    return {};
  });
  for (;;) {
    const pairs = await listMembershipCandidates(context.pool, runId, maxOrganizationsPerConfirmation);
    const [first] = pairs;
    if (!first) return;
    const { clerkOrgId } = first;
    const readTicket = await nextReadSequence(context.pool);
    const { present, absent } = await confirmMembers(clerk, pairs);
    const found = new Set(present.map(({ pair }) => pair?.clerkId));
    refuseUnlisted(
      "memberships",
      pairs.filter(({ clerkId }) => found.has(clerkId)),
    );
    const counts = await writeMemberships(runner, present, readTicket);
    const gone = new Set(absent);
    await store(counts, {
      present: pairs.filter(({ clerkId }) => !gone.has(clerkId)),
      absent: absent.map((clerkId) => ({ clerkOrgId, clerkId })),
    });
  }

  async function store(
    counts: EntryCounts,
    decided: Parameters<typeof decideEntryCandidates>[2],
  ): Promise<void> {
    await advance(progress, async (client) => {
      await decideEntryCandidates(client, runId, decided);
      return { pages: 1, counts };
    });
  }
}

function refuseUnlisted(kind: EntryKind, present: readonly { isOld: boolean }[]): void {
  const unlisted = present.filter(({ isOld }) => isOld).length;
  if (unlisted === 0) return;
  throw new AppError(
    "reconcile.list_incomplete",
    `Clerk's list of ${kind} lacks ${unlisted} or more that exist`,
  );
}
