import { AppError, type ColumnValue, type RowKey, rowKey } from "@rollcall/contracts";
import { type Column, getTableColumns } from "drizzle-orm";
import pg from "pg";
import { z } from "zod";
import { hasUpdateTrigger } from "./app-triggers.ts";
import { describeChange } from "./describe-change.ts";
import { type PostgresError, readSqlState } from "./errors.ts";
import { recordAdminEvents } from "./events.ts";
import { describeInsertedKey, failInsert, type NewKey, perUserKey } from "./made-keys.ts";
import type { Queryable } from "./pool.ts";
import { readRow, readRows, UnexpectedRow } from "./rows.ts";
import { type MappedProfile, type Mentorado, mentorados, type User, users } from "./schema.ts";
import { serverStart } from "./server-start.ts";
import { joinProfile, perProfile, perTables, type Tables } from "./tables.ts";
import { waitBrieflyForLocks } from "./transaction.ts";
import { isPartlyRead, listUnread, type UserSnapshot } from "./user-columns.ts";
import { lockStates, lockTiers, writeStates, writeTiers } from "./user-states.ts";

const sequenceRow = z.object({ next: z.coerce.number() });

/** The highest read sequence that this process has drawn, for each of its connection pools. */
const highestDrawn = new WeakMap<Tables, number>();

/**
 * Draws the next read sequence. Draw it before the Clerk request whose answer it will mark.
 *
 * A failover that lost transactions gives numbers again that this process has put into rows since. A later read of the
 * same version would lose against them, so it skips to a number above.
 */
export async function nextReadSequence(db: Queryable): Promise<number> {
  const highest = highestDrawn.get(db.tables) ?? 0;
  const drawn = await db.query({
    name: "next-read-sequence",
    text: "select nextval('rollcall.read_sequence') as next",
  });
  let { next } = readRow(sequenceRow, drawn.rows);
  if (next <= highest) next = await skipReadSequences(db, Math.min(highest - next + 1, mostSkipped));
  highestDrawn.set(db.tables, Math.max(highest, next));
  return next;
}

/** More than a busy system draws in the seconds that a failover may lose. A restored backup may lack more. */
const mostSkipped = 100_000;

/** Draws `count` numbers, which needs no more rights than to draw one. @returns the last of them */
async function skipReadSequences(db: Queryable, count: number): Promise<number> {
  const { rows } = await db.query(
    "select max(nextval('rollcall.read_sequence')) as next from generate_series(1, $1::int)",
    [count],
  );
  return readRow(sequenceRow, rows).next;
}

/**
 * First statement of the write. It inserts each user, or updates its row if the snapshot is newer: it has a later
 * `clerk_updated_at` or, with equal times, a later read sequence. Tombstones never change. Rows are locked in Clerk-id
 * order, so overlapping batches cannot deadlock. All rows stay locked until the transaction ends, also unchanged ones.
 *
 * `updated_at` moves, and the timeline gets an event, only if a visible column changed. The order marks always move. A
 * trigger of the app may move `updated_at` too, or restore values. Then `isTracked` compares the rows before and after.
 */
const upsert = (
  { users: u }: Tables,
  newKey: NewKey,
  { rows, ignoresRole, isTracked }: { rows: string; ignoresRole: number; isTracked: boolean },
  key = describeInsertedKey(u, newKey, "$3"),
) => `
with released as (
  -- Clerk has these users, so no deletion of theirs may wait for confirmation.
  delete from rollcall.held_deletions where clerk_id = any ($3::text[])
),
${
  isTracked
    ? `${lockBefore(u)},
`
    : ""
}${key.known}written as (
  ${insertRows(u, key)}
  from ${rows}${isTracked ? " left join before using (clerk_id)" : ""}${key.join}
  order by s.clerk_id collate "C"
  on conflict (${u.clerkId}) do update set
    ${u.updatedColumns},
    ${u.role} = case when ${u.roleFollowsClerk} then excluded.${u.role} else u.${u.role} end,
    role_source = case when ${u.roleFollowsClerk} then excluded.role_source else u.role_source end,
    read_ticket = excluded.read_ticket,
    ${u.updatedAt} = case
      when ${u.differVisibly} or (${u.roleFollowsClerk} and u.${u.role}::text <> excluded.${u.role}::text) then now()
      else u.${u.updatedAt}
    end
  where u.${u.deletedAt} is null
    and (coalesce(excluded.clerk_updated_at, '-infinity'), excluded.read_ticket)
      > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))
  -- Only a row that this statement inserted has no xmax. Its time of creation would not tell: an app may round it, so that
  -- two transactions of one millisecond have the same.
  returning u.${u.clerkId} as clerk_id, u.xmax = 0 as is_new, ${u.isUpdatedNow} as is_changed${isTracked ? `, ${u.visibleRow} as visible` : ""}
)
insert into rollcall.events (clerk_id, kind, cause, ref)
select w.clerk_id, case when w.is_new then 'user_created' else 'user_updated' end, a.cause, a.ref
from written w join unnest($3::text[], $1::text[], $2::text[]) as a (clerk_id, cause, ref) using (clerk_id)
${isTracked ? "left join before b using (clerk_id) where case when b.clerk_id is null then w.is_new or w.is_changed else w.visible is distinct from b.visible end" : "where w.is_new or w.is_changed"}
union all
-- Once for each user: the role stays as it is at Clerk, and each refresh would add an event.
select a.clerk_id, 'role_ignored', a.cause, a.ref
from unnest($3::text[], $1::text[], $2::text[], $${ignoresRole}::boolean[]) as a (clerk_id, cause, ref, ignores_role)
where a.ignores_role and exists (select from written w where w.clerk_id = a.clerk_id)
  and (select e.id from rollcall.events e where e.clerk_id = a.clerk_id and e.kind = 'role_ignored' limit 1) is null
`;

/** An insert of users, up to the FROM with rows `s` of snapshots. */
export const insertRows = (u: Tables["users"], key: { column: string; override: string; value: string }) =>
  `insert into ${u.table} as u (${key.column}${u.clerkId}, ${u.insertedColumns}, ${u.role}, role_source, read_ticket${u.insertedTimes})${key.override}
  select
    ${key.value}s.clerk_id, ${u.insertedValues},
    -- The last branch is never taken. It gives the literals the column's own type, which may be an enum of the app.
    case when s.is_admin then 'admin' when not s.is_admin then 'user' else (select ${u.role} from ${u.table} limit 0) end,
    case when s.is_admin then 'clerk' end,
    s.read_ticket${u.insertedNow}`;

/** The rows as they are under the lock. The upsert joins them, so that they are read before it writes. */
const lockBefore = (u: Tables["users"]) => `before as materialized (
  select u.${u.clerkId} as clerk_id, ${u.visibleRow} as visible from ${u.table} u
  where u.${u.clerkId} = any ($3::text[]) order by u.${u.clerkId} collate "C" for update
)`;

const writes = perUserKey((tables, newKey) => {
  const { users: u } = tables;
  // Separate state compares with the snapshot, so a trigger of the app changes nothing of it.
  const make = (isTracked: boolean) => {
    const write = (rows: string, ignoresRole: number) =>
      u.isSeparate
        ? writeStates(tables, newKey.made, rows, ignoresRole)
        : upsert(tables, newKey, { rows, ignoresRole, isTracked });
    return {
      whole: write(u.snapshotRows(3), 3 + u.parameterCount),
      partlyRead: write(u.partlyReadRows(3), 4 + u.parameterCount),
    };
  };
  return {
    // A connection keeps one statement for each name.
    name: newKey.number === 1 ? "apply-snapshots" : `apply-snapshots-${newKey.number}`,
    plain: make(false),
    tracked: make(true),
    /** Values that stay must not change between the statement's snapshot and its update. */
    locks: u.isSeparate
      ? lockStates(tables, "no key update")
      : [
          `
select from ${u.table} where ${u.clerkId} = any ($1::text[]) order by ${u.clerkId} collate "C" for update
`,
        ],
  };
});

/** Upserts `snapshots`, whose Clerk ids must be distinct: Postgres refuses to change one row twice in a statement. */
export async function applySnapshots(db: Queryable, snapshots: readonly UserSnapshot[]): Promise<void> {
  const origins = [snapshots.map(({ cause }) => cause), snapshots.map(({ ref }) => ref)];
  const users = db.tables.users.listParameters(snapshots);
  const ignoresRole = snapshots.map((snapshot) => snapshot.ignoresRole === true);
  const { name, plain, tracked, locks } = await writes(db);
  const { isSeparate } = db.tables.users;
  const { whole, partlyRead } = !isSeparate && (await hasUpdateTrigger(db)) ? tracked : plain;
  const areWhole = !snapshots.some(isPartlyRead);
  if (isSeparate || !areWhole)
    for (const lock of locks) await db.query(lock, [snapshots.map(({ clerkId }) => clerkId)]);
  if (areWhole) {
    const values = [...origins, ...users, ignoresRole];
    // With separate state, a kept plan of the time when both tables were small would read all of them for each write.
    const statement = { ...(isSeparate ? {} : { name }), text: whole, values };
    await db.query(statement).catch(failInsert(db));
    return;
  }
  const values = [...origins, ...users, listUnread(snapshots), ignoresRole];
  await db.query(partlyRead, values).catch(failInsert(db));
}

/**
 * The columns of one of our tables, to be read from a row `alias` by the codecs of the schema.
 *
 * @param name the column's name in the app's table, quoted; undefined for a field that is not mapped, which is null
 * @param readId for an `id` of another type than the schema's
 */
function readColumns(
  alias: string,
  columns: Record<string, Column>,
  name: (property: string, column: Column) => string | undefined = (_, column) => column.name,
  readId?: (value: unknown) => RowKey,
) {
  const entries = Object.entries(columns).flatMap(([property, column]) => {
    const source = name(property, column);
    return source === undefined ? [] : [{ property, column, source }];
  });
  const unmapped = Object.keys(columns).filter(
    (property) => !entries.some((one) => one.property === property),
  );
  return {
    select: entries.map(({ property, source }) => `${alias}.${source} as "${alias}.${property}"`).join(", "),
    read: (row: Record<string, unknown>): Record<string, unknown> =>
      Object.fromEntries([
        ...entries.map(({ property, column }) => {
          const value = row[`${alias}.${property}`] ?? null;
          if (property === "id" && readId && value !== null) return [property, readId(value)];
          return [property, value === null ? null : decode(column, value)];
        }),
        ...unmapped.map((property) => [property, null]),
      ]),
  };
}

/** The driver reads a bigint as a text, because JavaScript cannot hold each one exactly. */
function readKey(value: unknown): RowKey {
  const key = rowKey.safeParse(value);
  if (!key.success) throw new UnexpectedRow({ cause: key.error });
  return key.data;
}

/** The codecs of the schema take any value. A boolean that became a text must not let a banned user in, or keep one out. */
function decode(column: Column, value: unknown): unknown {
  const decoded: unknown = column.mapFromDriverValue(value);
  const isRight =
    decoded instanceof Date
      ? !Number.isNaN(decoded.getTime())
      : typeof decoded === column.dataType && !Number.isNaN(decoded);
  if (!isRight) throw new UnexpectedRow();
  return decoded;
}

const mentoradoColumns = readColumns("m", getTableColumns(mentorados));

/** The columns of a profile in answers: those of the default table by the schema, and of another table as mapped. */
const profileColumns = perProfile((profile) => {
  // The cast states that the schema's codecs give the schema's types.
  if (profile.isDefault)
    return { ...mentoradoColumns, read: (row: Row) => mentoradoColumns.read(row) as Mentorado };
  const { id, link, columns } = profile;
  const own = readColumns("m", { linkedAt: mentorados.linkedAt });
  return {
    select: [
      `m.${id} as "m.id", m.${link} as "m.userId", ${own.select}`,
      ...columns.map(({ column }, index) => `to_jsonb(m.${column})::text as "m.${index}"`),
    ].join(", "),
    read: (row: Row): MappedProfile => ({
      id: readKey(row["m.id"]),
      userId: row["m.userId"] === null ? null : readKey(row["m.userId"]),
      linkedAt: own.read(row)["linkedAt"] as Date | null,
      columns: Object.fromEntries(columns.map(({ key }, index) => [key, toColumnValue(row[`m.${index}`])])),
    }),
  };
});

type Row = Record<string, unknown>;

/** @param json a number that JavaScript cannot hold exactly stays a text, as in lists */
function toColumnValue(json: unknown): ColumnValue {
  if (typeof json !== "string") return null;
  const value: unknown = JSON.parse(json);
  if (typeof value === "number") return isExactNumber(json) ? value : json;
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  return JSON.stringify(value);
}

/** Any number of up to 15 digits is exact. */
function isExactNumber(text: string): boolean {
  return String(Number(text)) === text || text.replace(/\D/g, "").length <= 15;
}

const sessions = perTables((tables) => {
  const { users: u, profile } = tables;
  const columns = readColumns(
    "u",
    getTableColumns(users),
    (property) => u[property as keyof User],
    u.keyType === "integer" ? undefined : readKey,
  );
  const ofProfile = profileColumns({ tables });
  return {
    columns,
    ofProfile,
    text:
      profile && ofProfile
        ? `
select ${columns.select}, ${ofProfile.select}, ${serverStart} as "serverStart"
from ${u.rows} u ${joinProfile(tables)}
where u.${u.clerkId} = $1
`
        : `select ${columns.select}, ${serverStart} as "serverStart" from ${u.rows} u where u.${u.clerkId} = $1`,
  };
});

const timestampTypes = new Set<number>([pg.types.builtins.TIMESTAMP, pg.types.builtins.TIMESTAMPTZ]);

// The schema's codec reads times without a zone as UTC. The driver would use the zone of this process.
const timesAsText = {
  getTypeParser: ((oid: number, format: "text") =>
    timestampTypes.has(oid)
      ? (text: string) => text
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/**
 * Finds the user, deleted or not, with its profile. Columns of the app are left out. The statement has no name, so
 * Postgres keeps no plan that a later ALTER TABLE of the app would break.
 *
 * @returns undefined without a row for the id. `serverStart` is the server's that has the rows, as in `checkWrites`
 */
export async function findSession(
  db: Queryable,
  clerkId: string,
): Promise<{ user: User; mentorado: Mentorado | MappedProfile | null; serverStart: string } | undefined> {
  const { columns, ofProfile, text } = sessions(db);
  const { rows } = await db.query({ text, values: [clerkId], types: timesAsText });
  const [row] = rows;
  if (row === undefined) return undefined;
  // The casts state that the schema's codecs give the schema's types.
  const user = columns.read(row) as User;
  const hasProfile = (row["m.id"] ?? null) !== null;
  return {
    user,
    mentorado: ofProfile && hasProfile ? ofProfile.read(row) : null,
    serverStart: String(row["serverStart"]),
  };
}

const loginRow = z.object({
  clerkId: z.string(),
  isDeleted: z.boolean(),
  isBanned: z.boolean(),
  isAdmin: z.boolean(),
  hasProfile: z.boolean(),
});

/** What decides whether a user's rows are complete. */
export type LoginRow = z.infer<typeof loginRow>;

const loginRows = perTables((tables) => {
  const { users: u, profile } = tables;
  return `
select
  u.${u.clerkId}::text as "clerkId",
  u.${u.deletedAt} is not null as "isDeleted",
  coalesce(u.${u.banned}, false) as "isBanned",
  coalesce(u.${u.role}::text = 'admin', false) as "isAdmin",
  ${profile ? `m.${profile.id} is not null` : "false"} as "hasProfile"
from ${u.rows} u ${joinProfile(tables)}
where u.${u.clerkId} = any ($1::text[])
`;
});

/** The rows that exist among `clerkIds`, deleted or not, in no order. Postgres plans the statement once for all of them. */
export async function findLoginRows(db: Queryable, clerkIds: readonly string[]): Promise<LoginRow[]> {
  return readRows(loginRow, (await db.query(loginRows(db), [clerkIds])).rows);
}

const profilesById = perProfile(({ rows, id, keyType }, tables) => {
  const columns = profileColumns({ tables });
  return (
    columns && {
      ...columns,
      text: `
select ${columns.select} from ${rows} m where m.${id} = any ($1::${keyType}[])
`,
    }
  );
});

/** The profiles that exist among `ids`, in no order. */
export async function findProfiles(
  db: Queryable,
  ids: readonly RowKey[],
): Promise<(Mentorado | MappedProfile)[]> {
  const statement = profilesById(db);
  if (!statement) return [];
  const { rows } = await db.query({ text: statement.text, values: [ids], types: timesAsText });
  return rows.map((row) => statement.read(row));
}

const idRow = z.object({ clerkId: z.string() });

const lookUps = perTables(({ users: u }) => ({
  tombstones: `
select ${u.clerkId} as "clerkId" from ${u.from} where ${u.clerkId} = any ($1::text[]) and ${u.deletedAt} is not null
`,
  otherLiveIds: `
select ${u.clerkId} as "clerkId" from ${u.from}
where ${u.deletedAt} is null and ${u.clerkId} <> $1
order by ${u.id} desc limit $2
`,
}));

/** The ids among `clerkIds` whose row is a tombstone. */
export async function findTombstones(db: Queryable, clerkIds: readonly string[]): Promise<string[]> {
  const result = await db.query(lookUps(db).tombstones, [clerkIds]);
  return readRows(idRow, result.rows).map(({ clerkId }) => clerkId);
}

/** Clerk ids of live users other than `clerkId`, newest first. */
export async function listOtherLiveIds(db: Queryable, clerkId: string, limit: number): Promise<string[]> {
  const result = await db.query(lookUps(db).otherLiveIds, [clerkId, limit]);
  return readRows(idRow, result.rows).map((row) => row.clerkId);
}

const tiers = perTables((tables) => {
  const { users: u } = tables;
  const read = `select ${u.tier}::text as tier, ${u.deletedAt} is not null as "isDeleted"`;
  return u.isSeparate
    ? {
        locks: lockTiers(tables),
        read: `${read} from ${u.from} where ${u.clerkId} = $1`,
        change: `
with before as materialized (select $1::text as clerk_id, null as tier),
${writeTiers(tables)}
select from changed
`,
      }
    : {
        locks: [],
        read: `
${read} from ${u.table} where ${u.clerkId} = $1 for update
`,
        change: `update ${u.table} set ${u.tier} = $2, ${u.updatedAt} = now() where ${u.clerkId} = $1`,
      };
});

const tierRow = z.object({ tier: z.string(), isDeleted: z.boolean() });

const lastTierChange = `
select at, coalesce(details ->> 'by', ref) as "by", details ->> 'to' as "to" from rollcall.events
where clerk_id = $1 and kind = 'tier_changed' order by id desc limit 1
`;

const tierChangeRow = z.object({ at: z.date(), by: z.string().nullable(), to: z.string().nullable() });

/** The tier is another one than the operator saw. The app may have changed it too, which no event tells. */
async function refuseChangedTier(db: Queryable, clerkId: string, tier: string): Promise<AppError> {
  const [last] = readRows(tierChangeRow, (await db.query(lastTierChange, [clerkId])).rows);
  return new AppError("admin.changed_meanwhile", "The tier is not the one that the operator saw", {
    hint: describeChange(last?.to === tier ? last : undefined, {
      "pt-BR": `tier agora: ${tier}`,
      en: `tier now: ${tier}`,
    }),
  });
}

/**
 * Changes a user's tier, and records the change in the timeline. Run it inside a transaction.
 *
 * @param change `by` is the operator, for the timeline. With `expectedTier`, the change is refused if the tier is another
 * one by now
 * @throws AppError `user.unknown`, `user.deleted`, `admin.changed_meanwhile`, or `request.malformed` for a tier that the
 * app's column refuses
 */
export async function changeTier(
  db: Queryable,
  {
    clerkId,
    tier,
    expectedTier,
    by,
  }: { clerkId: string; tier: string; expectedTier?: string | undefined; by: string },
): Promise<void> {
  await waitBrieflyForLocks(db);
  const { locks, read, change } = tiers(db);
  for (const lock of locks) await db.query(lock, [[clerkId]]);
  const [before] = readRows(tierRow, (await db.query(read, [clerkId])).rows);
  if (!before) throw new AppError("user.unknown", "No row has this Clerk id");
  if (before.isDeleted) throw new AppError("user.deleted", "The user's row is a tombstone");
  if (expectedTier !== undefined && before.tier !== expectedTier)
    throw await refuseChangedTier(db, clerkId, before.tier);
  if (before.tier === tier) return;
  try {
    await db.query(change, [clerkId, tier]);
  } catch (error) {
    throw isRefusedValue(error) ? refuseTier(error) : error;
  }
  const details = { from: before.tier, to: tier };
  await recordAdminEvents(db, by, [{ clerkId, kind: "tier_changed", details }]);
}

/** Whether a value does not fit the column's type (22) or violates a constraint of the app (23). */
export function isRefusedValue(error: unknown): error is PostgresError {
  return /^2[23]/.test(readSqlState(error) ?? "");
}

export function refuseTier(cause: unknown): AppError {
  return new AppError("request.malformed", "The column users.tier refuses the value", {
    cause,
    hint: "tier: the app's own column users.tier does not take this value",
  });
}
