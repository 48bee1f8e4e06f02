import type { ListedMembership, ListedOrganization } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  type CatchUpState,
  countEntriesWhenDue,
  type EntryKind,
  nextReadSequence,
  type Queryable,
  readEntryCatchUp,
  recordDifferences,
  requestRun,
  storeEntryCatchUp,
} from "@rollcall/db";
import { inChildSpan } from "@rollcall/observability";
import { longestListLagMs } from "../user/confirm-absence.ts";
import { decideSurplus } from "./decide-surplus.ts";
import { listMemberships, listOrganizations } from "./entry-lists.ts";
import type { Runner } from "./runner.ts";
import { type EntryList, listWhole, refuseDisorder } from "./walk-entries.ts";
import { type EntryCounts, writeMemberships, writeOrganizations } from "./write-entries.ts";

/** Most passes find next to nothing new, so the first page is small. */
const firstPage = 100;
const laterPages = 500;
const mostPages = 20;
/** The part of a page before the next one: see `pageStep` of the incremental sync. */
const pageStep = 0.9;

/**
 * Writes the organizations and memberships that were created since the last pass, newest first. Clerk cannot list what
 * changed, so a rename, a role and an end wait for their webhook or the full sync. A lasting difference in numbers requests
 * a full sync, and so do too many new ones.
 *
 * @returns stores the state for the next pass, in the transaction that ends the run
 * @throws AppError the reason of a failure; RunStop
 */
export async function catchUpOrganizations(runner: Runner): Promise<(client: Queryable) => Promise<void>> {
  if (!runner.context.pool.tables.organizations) return async () => undefined;
  const organizations = await catchUp(runner, {
    kind: "organizations",
    open: (limit) => listOrganizations(runner.clerk, "-created_at", limit),
    write: (entries: readonly ListedOrganization[], readTicket) =>
      writeOrganizations(runner, entries, readTicket),
  });
  const memberships = await catchUp(runner, {
    kind: "memberships",
    open: (limit) => listMemberships(runner.clerk, "-created_at", limit),
    write: (entries: readonly ListedMembership[], readTicket) =>
      writeMemberships(runner, entries, readTicket),
  });
  const { dryRun, run } = runner;
  return async (client) => {
    if (dryRun) return recordDifferences(client, run.view.id, dryRun.differences.list());
    await storeEntryCatchUp(client, "organizations", organizations);
    await storeEntryCatchUp(client, "memberships", memberships);
  };
}

type Pass<Entry> = {
  kind: EntryKind;
  open: (limit: number) => EntryList<Entry>;
  write: (entries: readonly Entry[], readTicket: number) => Promise<EntryCounts>;
};

async function catchUp<Entry>(runner: Runner, pass: Pass<Entry>): Promise<CatchUpState> {
  const { context, dryRun } = runner;
  const state = await readEntryCatchUp(context.pool, pass.kind);
  const span = { name: `reconcile catch-up ${pass.kind}` };
  const { newestMs, total, written, reachedEnd } = await inChildSpan(context.tracing, span, () =>
    walkNewest(runner, pass, state.watermarkMs),
  );
  if (dryRun) return state;
  if (!reachedEnd) {
    // It reads everything. A watermark that stayed would request one after another.
    await requestRun(context.pool, { mode: "full", dryRun: false, startedBy: "catch-up" });
    return { ...state, watermarkMs: newestMs };
  }
  const live = await countEntriesWhenDue(context.pool, pass.kind);
  const surplus = live === undefined ? undefined : live - total;
  return { ...(await decideSurplus(context.pool, state, surplus, written > 0)), watermarkMs: newestMs };
}

type Walked = { newestMs: number | null; total: number; written: number; reachedEnd: boolean };

async function walkNewest<Entry>(
  runner: Runner,
  { open, write }: Pass<Entry>,
  watermarkMs: number | null,
): Promise<Walked> {
  const { context } = runner;
  const walked: Walked = { newestMs: null, total: 0, written: 0, reachedEnd: false };
  // The first pass has no watermark. A full sync covers what is older.
  const endMs = watermarkMs === null ? Number.POSITIVE_INFINITY : watermarkMs - longestListLagMs;
  let before: ReadonlySet<string> = new Set();
  let offset = 0;
  for (let page = 0; page < mostPages && !walked.reachedEnd; page++) {
    const list = open(page === 0 ? firstPage : laterPages);
    const readTicket = await nextReadSequence(context.pool);
    const { entries, totalCount, isShort } = await listWhole(list, offset);
    const shown = entries.map(list.describe);
    refuseDisorder(list, shown, (ms, lastMs) => ms <= lastMs);
    const fresh = entries.filter((_, index) => !before.has(shown[index]?.id ?? ""));
    if (!isShort && fresh.length === 0)
      throw new AppError(
        "reconcile.list_repeated",
        `A page of Clerk's list of ${list.name} repeats the page before`,
      );
    before = new Set(shown.flatMap(({ id }) => id ?? []));
    const counts = await write(fresh, readTicket);
    const differing = counts.created + counts.updated + counts.failed;
    await runner.advance(
      {},
      {
        pages: 1,
        seen: fresh.length,
        counts: { ...counts, unchanged: Math.max(0, fresh.length - differing) },
      },
    );
    const times = shown.flatMap(({ createdAtMs }) => createdAtMs ?? []);
    // Nothing would ever reach a watermark in the future.
    const [newestMs] = times;
    if (newestMs !== undefined) walked.newestMs ??= Math.min(newestMs, Date.now());
    walked.total = totalCount ?? 0;
    walked.written += counts.created + counts.updated;
    walked.reachedEnd = isShort || (times.at(-1) ?? Number.POSITIVE_INFINITY) < endMs;
    offset += Math.max(1, Math.floor(entries.length * pageStep));
  }
  return walked;
}
