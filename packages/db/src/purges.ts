import { AppError, type ErrorCode, errorTable, type RowKey, rowKey } from "@rollcall/contracts";
import { z } from "zod";
import { describeChange } from "./describe-change.ts";
import type { Queryable } from "./pool.ts";
import { selectAs } from "./quote-name.ts";
import { readRows } from "./rows.ts";
import { perTables } from "./tables.ts";

/** A purge that an operator requested. `also`: profiles that only matched the user, and that describe the same person. */
export type PurgeRequest = {
  clerkId: string;
  keepProfile: boolean;
  also: readonly RowKey[];
  preview: boolean;
  by: string;
};

const purgeRow = z.object({
  id: z.number(),
  clerkId: z.string(),
  keepProfile: z.boolean(),
  also: z.array(rowKey),
  preview: z.boolean(),
  by: z.string(),
  requestedAt: z.date(),
  claim: z.number(),
  answer: z.unknown(),
  errorCode: z.enum(Object.keys(errorTable) as [ErrorCode]).nullable(),
  hint: z.string().nullable(),
  isFinished: z.boolean(),
});

export type RequestedPurge = z.infer<typeof purgeRow>;

/** No call waits that long for a preview. A worker that has begun one finishes it. */
const previewIsWanted = "requested_at > now() - interval '1 minute'";

const purgesOf = perTables(({ profile }) => {
  const also = profile?.stored.purgedIds ?? "also";
  const columns = `
  id::int as id, clerk_id as "clerkId", keep_profile as "keepProfile", ${selectAs("purges", also, "also")}, preview, started_by as "by",
  requested_at as "requestedAt", claim, answer, error_code as "errorCode", hint, finished_at is not null as "isFinished"
`;
  return {
    insert: `
insert into rollcall.purges (clerk_id, keep_profile, ${also}, preview, started_by)
values ($1, $2, $3, $4, $5)
on conflict (clerk_id) where finished_at is null and not preview do nothing
returning id::int as id
`,
    // A call gives up after some time, and is repeated. A purge that ended before that was answered, and is not followed.
    followed: `
select id::int as id from rollcall.purges
where clerk_id = $1 and keep_profile = $2 and ${also} = $3 and preview = $4 and (preview or started_by = $5) and case
    when finished_at is null then not preview or due_at > now() or ${previewIsWanted}
    else finished_at > requested_at + $6 * interval '1 millisecond' and finished_at > now() - interval '1 minute'
  end
order by purges.id desc limit 1
`,
    findOpen: `select ${columns} from rollcall.purges where clerk_id = $1 and finished_at is null and not preview`,
    find: `select ${columns} from rollcall.purges where id = $1`,
    claimNext: `
update rollcall.purges set claim = claim + 1, due_at = now() + $1 * interval '1 millisecond'
where id = (
  select id from rollcall.purges
  where finished_at is null and due_at <= now() and (not preview or ${previewIsWanted})
  order by due_at limit 1 for update skip locked
)
returning ${columns}
`,
  };
});

/**
 * Requests a purge or its preview. A call that is repeated follows the one with the same options that is unfinished, or
 * that ended after the first call had given up.
 *
 * @param waitMs how long a call waits for the end
 * @returns its id
 * @throws AppError `admin.changed_meanwhile` while another purge of the user is unfinished
 */
export async function requestPurge(db: Queryable, request: PurgeRequest, waitMs: number): Promise<number> {
  const { clerkId, keepProfile, also, preview, by } = request;
  const values = [clerkId, keepProfile, also, preview, by];
  const idRow = purgeRow.pick({ id: true });
  const statements = purgesOf(db);
  // The other purge may end between the statements.
  for (;;) {
    const [same] = readRows(idRow, (await db.query(statements.followed, [...values, waitMs])).rows);
    if (same) return same.id;
    const [made] = readRows(idRow, (await db.query(statements.insert, values)).rows);
    if (made) return made.id;
    const open = await db.query(statements.findOpen, [clerkId]);
    const [other] = readRows(purgeRow, open.rows);
    const isSame = other?.keepProfile === keepProfile && other.also.join() === also.join() && other.by === by;
    if (!other || isSame) continue;
    throw new AppError("admin.changed_meanwhile", "Another purge of this user is not finished", {
      hint: describeChange(
        { by: other.by, at: other.requestedAt },
        { "pt-BR": "outra eliminação está em andamento", en: "another purge is in progress" },
      ),
    });
  }
}

/** The answer of an unfinished purge is its progress. */
export async function findPurge(db: Queryable, id: number): Promise<RequestedPurge | undefined> {
  return readRows(purgeRow, (await db.query(purgesOf(db).find, [id])).rows)[0];
}

/** Claims the purge that is due the longest, for this long. @returns undefined while none is due */
export async function claimPurge(db: Queryable, claimMs: number): Promise<RequestedPurge | undefined> {
  return readRows(purgeRow, (await db.query(purgesOf(db).claimNext, [claimMs])).rows)[0];
}

export type PurgeClaim = Pick<RequestedPurge, "id" | "claim">;

/** Another process claimed the purge, because this one was suspended. */
export class PurgeLost extends Error {}

const hold = `
update rollcall.purges set due_at = now() + $3 * interval '1 millisecond', answer = coalesce($4, answer)
where id = $1 and claim = $2 and finished_at is null
returning id
`;

/**
 * Prolongs a claim. As the first statement of a transaction it fences all that follows.
 *
 * @param progress what was done so far. A process that claims the purge later goes on from there
 * @throws PurgeLost
 */
export async function holdPurge(
  db: Queryable,
  { id, claim }: PurgeClaim,
  claimMs: number,
  progress?: object,
): Promise<void> {
  const stored = progress === undefined ? null : JSON.stringify(progress);
  if ((await db.query(hold, [id, claim, claimMs, stored])).rows.length === 0) throw new PurgeLost();
}

export type PurgeEnd = { answer: object } | { errorCode: ErrorCode; hint: string | null };

/** Stores the end of a purge, unless another process claimed it meanwhile. */
export async function finishPurge(db: Queryable, { id, claim }: PurgeClaim, end: PurgeEnd): Promise<void> {
  const [answer, code, hint] =
    "answer" in end ? [JSON.stringify(end.answer), null, null] : [null, end.errorCode, end.hint];
  await db.query(
    `update rollcall.purges set answer = $3, error_code = $4, hint = $5, finished_at = now()
     where id = $1 and claim = $2 and finished_at is null`,
    [id, claim, answer, code, hint],
  );
}

/** Lets a purge come due again after `afterMs`. */
export async function returnPurge(db: Queryable, { id, claim }: PurgeClaim, afterMs: number): Promise<void> {
  await db.query(
    `update rollcall.purges set due_at = now() + $3 * interval '1 millisecond' where id = $1 and claim = $2`,
    [id, claim, afterMs],
  );
}

/** Deletes what ended a day ago, and previews that no worker began. The timeline keeps the operator and the user. */
export async function prunePurges(db: Queryable): Promise<void> {
  await db.query(
    `delete from rollcall.purges
     where finished_at < now() - interval '1 day'
       or (preview and finished_at is null and due_at <= now() and not ${previewIsWanted})`,
  );
}
