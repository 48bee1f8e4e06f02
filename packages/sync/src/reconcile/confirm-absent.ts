import { type ListedUser, maxIdsPerRead } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { decideSuspects, drawReadTicket, listSuspects } from "@rollcall/db";
import { askPostgres } from "../time-limit.ts";
import type { PatientClerk } from "./patient-clerk.ts";
import type { Runner } from "./runner.ts";
import type { SweepCheckpoint } from "./sweep-checkpoint.ts";
import { writePage } from "./write-page.ts";

/**
 * Asks Clerk by id for everybody whom the walk did not show. A page may be older than a row that it lacks; this
 * question is younger than every row it is about. Who is there after all is written like anybody else.
 */
export async function confirmAbsent(runner: Runner, from: SweepCheckpoint): Promise<SweepCheckpoint> {
  const { context, run } = runner;
  const runId = run.view.id;
  let checkpoint = from;
  for (;;) {
    const suspects = await askPostgres(listSuspects(context.pool, runId, maxIdsPerRead - 1));
    if (suspects.length === 0) break;
    const ticket = await askPostgres(drawReadTicket(context.pool));
    const { present, absent, witness } = await askForAbsence(runner.clerk, suspects, checkpoint.witness);
    const page = { number: checkpoint.pages, users: present, ticket, mayBeHalfDone: run.isResumed };
    const { counts, missed } = await writePage(runner, page);
    checkpoint = { ...checkpoint, pages: checkpoint.pages + 1, witness };
    // Most of them were on a page as well, under another creation time: only what was done to them counts.
    await runner.advance(checkpoint, async (client) => {
      await decideSuspects(client, runId, {
        absent,
        present: present.flatMap(({ clerkId }) => clerkId ?? []),
      });
      return { counts: { ...counts, unchanged: 0 }, missed };
    });
  }
  const burying = { ...checkpoint, phase: "bury" } as const;
  await runner.advance(burying, async () => ({}));
  return burying;
}

export type Confirmation = { present: ListedUser[]; absent: string[]; witness: string };

const mostWitnesses = 5;

/**
 * Asks Clerk who of up to 99 users is there. An answer counts only when it also names a witness, who is known to
 * live: one that lacks everybody looks just like everybody having left.
 *
 * @throws AppError `reconcile.unconfirmed`
 */
export async function askForAbsence(
  clerk: PatientClerk,
  clerkIds: readonly string[],
  lastWitness: string | null,
): Promise<Confirmation> {
  let witness = lastWitness;
  for (let attempt = 1; attempt <= mostWitnesses; attempt++) {
    // The last one may have left meanwhile.
    if (witness === null || attempt > 1) witness = await findWitness(clerk);
    if (witness === null) break;
    const asked = [...new Set([...clerkIds, witness])];
    const listed = await clerk.listUsers({ orderBy: "+created_at", limit: asked.length, clerkIds: asked });
    if (listed === "cursor_refused") break;
    const present = new Set(listed.map(({ clerkId }) => clerkId));
    // An entry without a readable id may be anybody.
    if (!present.has(witness) || present.has(null)) continue;
    return {
      present: listed.filter(({ clerkId }) => clerkId !== null && clerkIds.includes(clerkId)),
      absent: clerkIds.filter((id) => !present.has(id)),
      witness,
    };
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's answers by id lack users who are there");
}

/** Whoever changed last. */
async function findWitness(clerk: PatientClerk): Promise<string | null> {
  const listed = await clerk.listUsers({ orderBy: "-updated_at", limit: 1 });
  return listed === "cursor_refused" ? null : (listed[0]?.clerkId ?? null);
}
