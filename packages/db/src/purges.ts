import { AppError, type ErrorCode, errorTable } from "@rollcall/contracts";
import { z } from "zod";
import { describeChange } from "./describe-change.ts";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";

/** A purge that an operator requested. `also`: profiles that only matched the user, and that describe the same person. */
export type PurgeRequest = {
  clerkId: string;
  keepProfile: boolean;
  also: readonly number[];
  preview: boolean;
  by: string;
};

const columns = `
  id::int as id, clerk_id as "clerkId", keep_profile as "keepProfile", also, preview, started_by as "by",
  requested_at as "requestedAt", claim, answer, error_code as "errorCode", hint, finished_at is not null as "isFinished"
`;

const purgeRow = z.object({
  id: z.number(),
  clerkId: z.string(),
  keepProfile: z.boolean(),
  also: z.array(z.number()),
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

const insert = `
insert into rollcall.purges (clerk_id, keep_profile, also, preview, started_by)
values ($1, $2, $3, $4, $5)
on conflict (clerk_id) where finished_at is null and not preview do nothing
returning id::int as id
`;

/**
 * Requests a purge, or finds the unfinished one with the same options.
 *
 * @returns its id
 * @throws AppError `admin.changed_meanwhile` while another purge of the user is unfinished
 */
export async function requestPurge(db: Queryable, request: PurgeRequest): Promise<number> {
  const { clerkId, keepProfile, also, preview, by } = request;
  const values = [clerkId, keepProfile, also, preview, by];
  // The other purge may end between the two statements.
  for (;;) {
    const [made] = readRows(purgeRow.pick({ id: true }), (await db.query(insert, values)).rows);
    if (made) return made.id;
    const open = await db.query(
      `select ${columns} from rollcall.purges where clerk_id = $1 and finished_at is null and not preview`,
      [clerkId],
    );
    const [other] = readRows(purgeRow, open.rows);
    if (!other) continue;
    const isSame = other.keepProfile === keepProfile && other.also.join() === also.join();
    if (isSame && other.by === by) return other.id;
    throw new AppError("admin.changed_meanwhile", "Another purge of this user is not finished", {
      hint: describeChange(
        { by: other.by, at: other.requestedAt },
        { "pt-BR": "outra eliminação está em andamento", en: "another purge is in progress" },
      ),
    });
  }
}

export async function findPurge(db: Queryable, id: number): Promise<RequestedPurge | undefined> {
  const result = await db.query(`select ${columns} from rollcall.purges where id = $1`, [id]);
  return readRows(purgeRow, result.rows)[0];
}

const claimNext = `
update rollcall.purges set claim = claim + 1, due_at = now() + $1 * interval '1 millisecond'
where id = (
  select id from rollcall.purges where finished_at is null and due_at <= now()
  order by due_at limit 1 for update skip locked
)
returning ${columns}
`;

/** Claims the purge that is due the longest, for this long. @returns undefined while none is due */
export async function claimPurge(db: Queryable, claimMs: number): Promise<RequestedPurge | undefined> {
  return readRows(purgeRow, (await db.query(claimNext, [claimMs])).rows)[0];
}

export type PurgeEnd = { answer: object } | { errorCode: ErrorCode; hint: string | null };

/** Stores the end of a purge, unless another process claimed it meanwhile. */
export async function finishPurge(
  db: Queryable,
  { id, claim }: Pick<RequestedPurge, "id" | "claim">,
  end: PurgeEnd,
): Promise<void> {
  const [answer, code, hint] =
    "answer" in end ? [JSON.stringify(end.answer), null, null] : [null, end.errorCode, end.hint];
  await db.query(
    `update rollcall.purges set answer = $3, error_code = $4, hint = $5, finished_at = now()
     where id = $1 and claim = $2 and finished_at is null`,
    [id, claim, answer, code, hint],
  );
}

/** Lets a purge come due again after `afterMs`. */
export async function returnPurge(
  db: Queryable,
  { id, claim }: Pick<RequestedPurge, "id" | "claim">,
  afterMs: number,
): Promise<void> {
  await db.query(
    `update rollcall.purges set due_at = now() + $3 * interval '1 millisecond' where id = $1 and claim = $2`,
    [id, claim, afterMs],
  );
}

/** Deletes what ended a day ago. The timeline keeps the operator and the user. */
export async function prunePurges(db: Queryable): Promise<void> {
  await db.query("delete from rollcall.purges where finished_at < now() - interval '1 day'");
}
