import type { ListedMembership, ListedOrganization } from "@rollcall/clerk";
import { AppError, type RunCounts } from "@rollcall/contracts";
import {
  applyMemberships,
  applyOrganizations,
  type EntryDrift,
  type EntryKind,
  findMembershipDrift,
  findOrganizationDrift,
  inTransaction,
  type MembershipOutcome,
  type MembershipSnapshot,
  nameMembership,
  nextReadSequence,
  type OrganizationOutcome,
  type OrganizationSnapshot,
  splitOnRefusal,
} from "@rollcall/db";
import { toRefusal } from "../coalesce/coalesced-writer.ts";
import { countPostgresError } from "../count-postgres-error.ts";
import { toMembershipSnapshot, toOrganizationSnapshot } from "../organization/snapshots.ts";
import type { Runner } from "./runner.ts";
import { invalidateSessions, writePage } from "./write-page.ts";

/** What the write of a page did. Entries without a difference are in no count. */
export type EntryCounts = Pick<RunCounts, "created" | "updated" | "failed">;

type EntryRunner = Pick<Runner, "context" | "clerk" | "run" | "signal" | "dryRun">;

type Outcome = OrganizationOutcome | MembershipOutcome | AppError;

/** One entry that differs from Clerk. `name`: its id, or `nameMembership` of its pair. */
type Drifted<Snapshot> = { name: string; kind: EntryDrift; snapshot: Snapshot };

/** Writes the listed organizations that differ from their rows. A dry run adds them to its differences. */
export async function writeOrganizations(
  runner: EntryRunner,
  listed: readonly ListedOrganization[],
  readTicket: number,
): Promise<EntryCounts> {
  const { snapshots, failed } = readSnapshots(runner, "organizations", listed, readTicket, {
    convert: toOrganizationSnapshot,
    nameOf: ({ clerkOrgId }) => clerkOrgId,
  });
  const { pool } = runner.context;
  const kinds = await findOrganizationDrift(pool, [...snapshots.values()]);
  const drifted = listDrifted(snapshots, kinds);
  const outcomes = runner.dryRun
    ? new Map<string, Outcome>()
    : await applyEach(drifted, (part) => inTransaction(pool, (client) => applyOrganizations(client, part)));
  return report(runner, "organizations", { drifted, outcomes, failed, readTicket });
}

/**
 * Does the same with memberships. A membership whose user or organization has no row yet came to be during the run: both are
 * read and written first.
 */
export async function writeMemberships(
  runner: EntryRunner,
  listed: readonly ListedMembership[],
  readTicket: number,
): Promise<EntryCounts> {
  const { snapshots, failed } = readSnapshots(runner, "memberships", listed, readTicket, {
    convert: toMembershipSnapshot,
    nameOf: nameMembership,
  });
  const { pool } = runner.context;
  const kinds = await findMembershipDrift(pool, [...snapshots.values()]);
  const drifted = listDrifted(snapshots, kinds);
  const apply = (part: readonly MembershipSnapshot[]) =>
    inTransaction(pool, (client) => applyMemberships(client, part));
  const outcomes = runner.dryRun ? new Map<string, Outcome>() : await applyEach(drifted, apply);
  const lacking = drifted.filter(({ name }) => lacksOwner(outcomes.get(name)));
  if (lacking.length > 0) {
    await writeOwners(
      runner,
      lacking.map(({ snapshot }) => snapshot),
    );
    for (const [name, outcome] of await applyEach(lacking, apply)) outcomes.set(name, outcome);
  }
  // An app may keep a member's organization in its cache of the session.
  if (outcomes.size > 0)
    await invalidateSessions(runner, [...new Set(drifted.map(({ snapshot }) => snapshot.clerkId))]);
  return report(runner, "memberships", { drifted, outcomes, failed, readTicket });
}

type Entry<Found> = { result: { found: Found } | { unreadable: AppError } };
type Stamped = { clerkCreatedAtMs: number | null; clerkUpdatedAtMs: number | null };

/** The snapshots of a page, by name. Of an entry that is listed twice, the newer version counts. */
function readSnapshots<Found, Snapshot extends Stamped>(
  { context, run }: EntryRunner,
  kind: EntryKind,
  listed: readonly Entry<Found>[],
  readTicket: number,
  {
    convert,
    nameOf,
  }: {
    convert: (found: Found, read: { readTicket: number; cause: string; ref: string }) => Snapshot;
    nameOf: (snapshot: Snapshot) => string;
  },
): { snapshots: Map<string, Snapshot>; failed: number } {
  const read = { readTicket, cause, ref: String(run.view.id) };
  const snapshots = new Map<string, Snapshot>();
  let failed = 0;
  for (const { result } of listed) {
    try {
      if ("unreadable" in result) throw result.unreadable;
      const snapshot = convert(result.found, read);
      const rival = snapshots.get(nameOf(snapshot));
      if (!rival || !isNewer(rival, snapshot)) snapshots.set(nameOf(snapshot), snapshot);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      failed++;
      reportFailure(context, kind, undefined, error);
    }
  }
  return { snapshots, failed };
}

const cause = "reconcile";

/** A user who joins again has a membership that was created later. */
function isNewer(a: Stamped, b: Stamped): boolean {
  const [aMs, bMs] = [a.clerkCreatedAtMs ?? -1, b.clerkCreatedAtMs ?? -1];
  return aMs === bMs ? (a.clerkUpdatedAtMs ?? -1) > (b.clerkUpdatedAtMs ?? -1) : aMs > bMs;
}

function listDrifted<Snapshot>(
  snapshots: ReadonlyMap<string, Snapshot>,
  kinds: ReadonlyMap<string, EntryDrift>,
): Drifted<Snapshot>[] {
  return [...snapshots].flatMap(([name, snapshot]) => {
    const kind = kinds.get(name);
    return kind ? [{ name, kind, snapshot }] : [];
  });
}

/** Writes entries in one transaction. One that Postgres refuses fails alone. */
async function applyEach<Snapshot>(
  drifted: readonly Drifted<Snapshot>[],
  apply: (part: readonly Snapshot[]) => Promise<Map<string, Outcome>>,
): Promise<Map<string, Outcome>> {
  if (drifted.length === 0) return new Map();
  const parts = await splitOnRefusal<Drifted<Snapshot>, Map<string, Outcome>>(
    drifted,
    (part) => apply(part.map(({ snapshot }) => snapshot)),
    ({ name }, error) => new Map([[name, toRefusal(error)]]),
  );
  return new Map(parts.flatMap((part) => [...part]));
}

const lacksOwner = (outcome: Outcome | undefined) =>
  outcome === "user_missing" || outcome === "organization_missing";

/** Clerk takes this many ids in one request. */
const idsAtOnce = 100;

async function writeOwners(runner: EntryRunner, lacking: readonly MembershipSnapshot[]): Promise<void> {
  const { clerk, context, run } = runner;
  const orderBy = "+created_at";
  for (const clerkIds of inParts(lacking.map(({ clerkId }) => clerkId))) {
    const readSequence = await nextReadSequence(context.pool);
    const users = await clerk.listUsers({ orderBy, limit: clerkIds.length, clerkIds });
    if (users === "cursor_refused")
      throw new AppError("internal", "Clerk refused a cursor that was not sent");
    await writePage(runner, { number: run.view.pages, users, readSequence, mayBeHalfDone: false });
  }
  for (const clerkOrgIds of inParts(lacking.map(({ clerkOrgId }) => clerkOrgId))) {
    const readTicket = await nextReadSequence(context.pool);
    const query = { orderBy, limit: clerkOrgIds.length, clerkOrgIds } as const;
    await writeOrganizations(runner, (await clerk.listOrganizationPage(query)).entries, readTicket);
  }
}

function inParts(ids: readonly string[]): string[][] {
  const distinct = [...new Set(ids)];
  const parts: string[][] = [];
  for (let from = 0; from < distinct.length; from += idsAtOnce)
    parts.push(distinct.slice(from, from + idsAtOnce));
  return parts;
}

type Written = {
  drifted: readonly Drifted<OrganizationSnapshot | MembershipSnapshot>[];
  outcomes: ReadonlyMap<string, Outcome>;
  failed: number;
  readTicket: number;
};

/** Counts and logs what a page did, by name of the kind. */
function report(
  { context, run, dryRun }: EntryRunner,
  kind: EntryKind,
  { drifted, outcomes, failed, readTicket }: Written,
): EntryCounts {
  const counts = { created: 0, updated: 0, failed };
  const noun = nouns[kind];
  for (const one of drifted) {
    const outcome = dryRun ? "written" : outcomes.get(one.name);
    const counted = classify(one.kind, outcome);
    if (counted !== "unchanged") counts[counted]++;
    if (dryRun && counted !== "unchanged")
      dryRun.differences.add({ clerkId: one.name, kind: counted, code: null, readSequence: readTicket });
    if (!dryRun) context.metrics.count("rollcall_reconcile_drift_total", { kind: `${one.kind}_${noun}` });
    if (counted === "failed")
      reportFailure(context, kind, one.name, outcome instanceof AppError ? outcome : absentOwner());
  }
  const { created, updated } = counts;
  if (!dryRun && created + updated > 0)
    context.log.info(
      {
        event: "organizations_reconciled",
        cause,
        kind,
        created,
        updated,
        failed: counts.failed,
        runId: run.view.id,
      },
      "A page of organizations or memberships is reconciled",
    );
  return counts;
}

const nouns = { organizations: "organization", memberships: "membership" } as const;

const absentOwner = () =>
  new AppError("user.absent", "The membership's user or organization has no row, and Clerk lists none");

function classify(kind: EntryDrift, outcome: Outcome | undefined): keyof EntryCounts | "unchanged" {
  if (outcome === undefined || outcome instanceof AppError || lacksOwner(outcome)) return "failed";
  if (outcome !== "written") return "unchanged";
  return kind === "missing" ? "created" : "updated";
}

function reportFailure(
  { log, metrics }: EntryRunner["context"],
  kind: EntryKind,
  name: string | undefined,
  error: AppError,
): void {
  countPostgresError(metrics, error);
  log.error(
    { event: "organization_sync_failed", cause, kind, id: name, code: error.code, err: error },
    "An organization or a membership could not be reconciled",
  );
}
