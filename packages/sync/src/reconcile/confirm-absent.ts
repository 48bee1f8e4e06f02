import { type ListedUser, maxIdsPerRead } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { decideCandidates, listCandidates, nextReadSequence } from "@rollcall/db";
import type { FullSyncCheckpoint } from "./checkpoint.ts";
import type { RetryingClerk } from "./retrying-clerk.ts";
import type { Runner } from "./runner.ts";
import { writePage } from "./write-page.ts";

/**
 * Asks Clerk by id for everybody whom the walk did not show. A page may be older than a row that it lacks; this
 * question is younger than every row it is about. Who is there after all is written like anybody else.
 */
export async function confirmAbsent(runner: Runner, from: FullSyncCheckpoint): Promise<FullSyncCheckpoint> {
  const { context, run } = runner;
  const runId = run.view.id;
  let checkpoint = from;
  for (;;) {
    const candidates = await listCandidates(context.pool, runId, maxIdsPerRead - 1);
    if (candidates.length === 0) break;
    const ticket = await nextReadSequence(context.pool);
    const { present, absent, sentinel } = await askForAbsence(runner.clerk, candidates, checkpoint.sentinel);
    const page = { number: checkpoint.pages, users: present, ticket, mayBeHalfDone: run.isResumed };
    const { counts, missed } = await writePage(runner, page);
    checkpoint = { ...checkpoint, pages: checkpoint.pages + 1, sentinel };
    // Most of them were on a page as well, under another creation time: only what was done to them counts.
    await runner.advance(checkpoint, async (client) => {
      await decideCandidates(client, runId, {
        absent,
        present: present.flatMap(({ clerkId }) => clerkId ?? []),
      });
      return { counts: { ...counts, unchanged: 0 }, missed };
    });
  }
  const deleting = { ...checkpoint, phase: "bury" } as const;
  await runner.advance(deleting, async () => ({}));
  return deleting;
}

export type Confirmation = { present: ListedUser[]; absent: string[]; sentinel: string };

const maxSentinels = 5;

/**
 * Asks Clerk who of up to 99 users is there. An answer counts only when it also names a sentinel, who is known to
 * live: one that lacks everybody looks just like everybody having left.
 *
 * @throws AppError `reconcile.unconfirmed`
 */
export async function askForAbsence(
  clerk: RetryingClerk,
  clerkIds: readonly string[],
  lastSentinel: string | null,
): Promise<Confirmation> {
  let sentinel = lastSentinel;
  for (let attempt = 1; attempt <= maxSentinels; attempt++) {
    // The last one may have left meanwhile.
    if (sentinel === null || attempt > 1) sentinel = await findSentinel(clerk);
    if (sentinel === null) break;
    const asked = [...new Set([...clerkIds, sentinel])];
    const listed = await clerk.listUsers({ orderBy: "+created_at", limit: asked.length, clerkIds: asked });
    if (listed === "cursor_refused") break;
    const present = new Set(listed.map(({ clerkId }) => clerkId));
    // An entry without a readable id may be anybody.
    if (!present.has(sentinel) || present.has(null)) continue;
    return {
      present: listed.filter(({ clerkId }) => clerkId !== null && clerkIds.includes(clerkId)),
      absent: clerkIds.filter((id) => !present.has(id)),
      sentinel,
    };
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's answers by id lack users who are there");
}

/** Whoever changed last. */
async function findSentinel(clerk: RetryingClerk): Promise<string | null> {
  const listed = await clerk.listUsers({ orderBy: "-updated_at", limit: 1 });
  return listed === "cursor_refused" ? null : (listed[0]?.clerkId ?? null);
}
