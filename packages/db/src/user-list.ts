import {
  AppError,
  type ColumnValue,
  clerkUserId,
  type UserEntry,
  type UserFilter,
  userEntry,
} from "@rollcall/contracts";
import { z } from "zod";
import { type ListColumn, type ListColumns, readListColumns } from "./list-columns.ts";
import type { Queryable } from "./pool.ts";
import { readRows, UnexpectedRow } from "./rows.ts";
import { findNewestDryRun } from "./run-differences.ts";
import {
  type Bind,
  createBind,
  isExactEmail,
  readColumnFilters,
  type UserSelection,
  writeConditions,
} from "./user-filter.ts";

/** A selection with the columns that the list shows. */
export type UserWish = { selection: UserSelection; columns: ListColumns };

/**
 * Finds the columns that a filter names, and the dry run that it means.
 *
 * @throws AppError `request.malformed`, which names the key
 */
export async function readWish(db: Queryable, filter: UserFilter): Promise<UserWish> {
  const columns = await readListColumns(db);
  const driftRunId = filter.drifted ? await findNewestDryRun(db) : null;
  return { selection: { filter, columns: readColumnFilters(filter, columns), driftRunId }, columns };
}

export type UserPage = { items: UserEntry[]; nextCursor: string | null };

/**
 * Users that match a filter, newest first. With a range of sign-up times the order is that of the sign-ups, and deleted
 * users come last. A page may be short, or empty, and still have a next one.
 *
 * @throws AppError `request.malformed`, which names the filter
 */
export async function listUsers(
  db: Queryable,
  { filter, ...page }: { filter: UserFilter; cursor: string | undefined; limit: number },
): Promise<UserPage> {
  const wish = await readWish(db, filter);
  const found = page.cursor === undefined ? await findByClerkId(db, wish) : undefined;
  return found ? { items: [found], nextCursor: null } : readPage(db, wish, page);
}

/** No index helps to find a part of a name, so a page ends when this time is over, and the next page goes on. */
const scanForMs = 100;
/** Rows that one statement reads. Above 100,000 units of estimated cost, Postgres would compile the statement first. */
const sliceLength = 8_000;

/** Reads one page. @throws AppError `request.malformed` for a cursor of another list */
export async function readPage(
  db: Queryable,
  wish: UserWish,
  { cursor, limit }: { cursor: string | undefined; limit: number },
): Promise<UserPage> {
  const scans = chooseScans(wish.selection);
  let { at, position } = readCursor(scans, cursor);
  const items: UserEntry[] = [];
  const startedMs = performance.now();
  for (let scan = scans[at]; scan; scan = scans[at]) {
    const read = await readSlice(db, wish, { scan, position, limit: limit - items.length });
    items.push(...read.items);
    // The user of a whole address is the one that the caller wants to see now.
    const isFound = scan === byEmail && items.length > 0;
    if (read.next === undefined) at++;
    position = read.next ?? [];
    if (isFound || items.length === limit || performance.now() - startedMs > scanForMs) break;
  }
  const rest = scans[at];
  return { items, nextCursor: rest ? rest.letter + position.join(".") : null };
}

/** A way through the users in a fixed order. A list follows one or more of them, one after the other. */
type Scan = {
  /** Marks the scan in a cursor. */
  letter: string;
  from: string | ((bind: Bind, filter: UserFilter) => string);
  /** What an index answers. Any other condition in a slice would read the table until enough rows match. */
  where?(bind: Bind): string[];
  /** Which rows of a slice belong to the scan. */
  outerWhere?: string;
  /** The place of a row in the order, as text: numbers with a dot between. */
  position: string;
  after(position: readonly string[], bind: Bind): string;
  order: string;
  /** The same order behind the filter, where only `u` is left. */
  outerOrder: string;
};

const byId = {
  from: "public.users u",
  position: "u.id::text",
  after: ([id]: readonly string[], bind: Bind) => `u.id < ${bind(id)}::bigint`,
  order: "u.id desc",
  outerOrder: "u.id desc",
};

const signUpOrder = "u.clerk_created_at desc, u.id desc";

/** The partial index has the live rows by sign-up. */
const bySignUp: Scan = {
  letter: "s",
  from: "public.users u",
  where: () => ["u.deleted_at is null"],
  position: "(extract(epoch from u.clerk_created_at) * 1000000)::bigint || '.' || u.id",
  after: ([at, id], bind) => `(u.clerk_created_at, u.id)
      < (timestamptz 'epoch' + ${bind(at)}::bigint * interval '1 microsecond', ${bind(id)}::bigint)`,
  order: signUpOrder,
  outerOrder: signUpOrder,
};

const byDifference = (runId: number | null): Scan => ({
  letter: "d",
  from: "rollcall.run_differences x join public.users u on u.clerk_id = x.clerk_id",
  where: (bind) => [`x.run_id = ${bind(runId)}::bigint`],
  position: "x.number::text",
  after: ([number], bind) => `x.number > ${bind(number)}::bigint`,
  order: "x.number",
  outerOrder: "u.rollcall_position::bigint",
});

/**
 * The users of a whole address. `offset 0` keeps the order and the limit of the list away from the choice of the index,
 * whose selectivity Postgres may not know.
 */
const byEmail: Scan = {
  ...byId,
  letter: "e",
  from: (bind, { query = "" }) =>
    `(select u.* from public.users u where ${isExactEmail(bind(query))} offset 0) u`,
};

function chooseScans({ filter, driftRunId }: UserSelection): Scan[] {
  const { query, state } = filter;
  if (filter.drifted) return [byDifference(driftRunId)];
  const scans =
    filter.signedUpFrom === undefined && filter.signedUpTo === undefined ? all : chooseDated(state);
  return query?.includes("@") ? [byEmail, ...scans] : scans;
}

const all: Scan[] = [{ ...byId, letter: "u" }];

/** The index lacks deleted users, so they are read by id, behind the others. */
function chooseDated(state: UserFilter["state"]): Scan[] {
  const deleted: Scan = { ...byId, letter: "t", outerWhere: "u.deleted_at is not null" };
  if (state === "deleted") return [deleted];
  return state === undefined ? [bySignUp, deleted] : [bySignUp];
}

function readCursor(scans: readonly Scan[], cursor = ""): { at: number; position: readonly string[] } {
  if (cursor === "") return { at: 0, position: [] };
  const at = scans.findIndex(({ letter }) => letter === cursor[0]);
  const position = cursor.slice(1).split(".").filter(Boolean);
  const places = scans[at] === bySignUp ? 2 : 1;
  if (at === -1 || (position.length > 0 && position.length !== places))
    throw new AppError("request.malformed", "The cursor is of another list", {
      hint: "cursor: must be a nextCursor of an earlier answer with the same filter",
    });
  return { at, position };
}

const positionRow = z.object({ position: z.string().transform((text) => text.split(".")) });

/** Reads the next slice of a scan, up to `limit` that match. @returns no `next` at the end of the scan */
async function readSlice(
  db: Queryable,
  { selection, columns }: UserWish,
  { scan, position, limit }: { scan: Scan; position: readonly string[]; limit: number },
): Promise<{ items: UserEntry[]; next: readonly string[] | undefined }> {
  const { bind, values } = createBind();
  const result = await db.query(
    `select u.rollcall_position as position, ${selectEntry(columns)}
     from (
       select u.* from (
         select u.*, ${scan.position} as rollcall_position
         ${writeSource(selection, scan, position, bind)} limit ${sliceLength}
       ) u
       where ${scan.outerWhere ?? "true"} and ${writeConditions(selection, bind, { withoutExactEmail: scan !== byEmail })}
       order by ${scan.outerOrder} limit ${bind(limit)}
     ) u
     left join public.mentorados m on m.user_id = u.id
     order by ${scan.outerOrder}`,
    values,
  );
  const items = readEntries(columns, result.rows);
  const last = items.length === limit ? readRows(positionRow, result.rows.slice(-1))[0] : undefined;
  return { items, next: last?.position ?? (await findEnd(db, selection, { scan, position })) };
}

/** The place of the last row that a slice read; undefined if the scan is over. */
async function findEnd(
  db: Queryable,
  selection: UserSelection,
  { scan, position }: { scan: Scan; position: readonly string[] },
): Promise<readonly string[] | undefined> {
  const { bind, values } = createBind();
  const result = await db.query(
    `select ${scan.position} as position
     ${writeSource(selection, scan, position, bind)} offset ${sliceLength - 1} limit 1`,
    values,
  );
  return readRows(positionRow, result.rows)[0]?.position;
}

function writeSource({ filter }: UserSelection, scan: Scan, position: readonly string[], bind: Bind): string {
  const { signedUpFrom, signedUpTo } = filter;
  const isBySignUp = scan === bySignUp;
  const from = typeof scan.from === "string" ? scan.from : scan.from(bind, filter);
  const conditions = [
    ...(scan.where?.(bind) ?? []),
    // Also behind the slice, with the other filters. Here it bounds what the index scan reads.
    ...(isBySignUp && signedUpFrom ? [`u.clerk_created_at >= ${bind(signedUpFrom)}::timestamptz`] : []),
    ...(isBySignUp && signedUpTo ? [`u.clerk_created_at < ${bind(signedUpTo)}::timestamptz`] : []),
    ...(position.length > 0 ? [scan.after(position, bind)] : []),
  ];
  const where = conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
  return `from ${from} ${where} order by ${scan.order}`;
}

/** The user of a whole Clerk id. A part of an id may look like a whole one, and is then searched for. */
async function findByClerkId(
  db: Queryable,
  { selection, columns }: UserWish,
): Promise<UserEntry | undefined> {
  const { query } = selection.filter;
  if (query === undefined || !clerkUserId.safeParse(query).success) return undefined;
  const { bind, values } = createBind();
  const result = await db.query(
    `select ${selectEntry(columns)}
     from public.users u left join public.mentorados m on m.user_id = u.id
     where u.clerk_id = ${bind(query)} and ${writeConditions(selection, bind)}`,
    values,
  );
  return readEntries(columns, result.rows)[0];
}

/** Arrays of texts, because columns of an app may have any type. */
function selectEntry({ users, profile }: ListColumns): string {
  const list = (alias: string, columns: readonly ListColumn[]) =>
    `array[${columns.map((column) => column.toText(alias)).join(", ")}]::text[]`;
  return `${list("u", users)} as "ofUser", case when m.id is not null then ${list("m", profile.columns)} end as "ofProfile"`;
}

const texts = z.array(z.string().nullable());
const listedRow = z.object({ ofUser: texts, ofProfile: texts.nullable() });

const own = new Set(Object.keys(userEntry.shape));

function readEntries(columns: ListColumns, rows: readonly unknown[]): UserEntry[] {
  return readRows(listedRow, rows).map(({ ofUser, ofProfile }) => {
    const user = readValues(columns.users, ofUser);
    const profile = ofProfile && readValues(columns.profile.columns, ofProfile);
    const { id, ...rest } = profile ?? { id: null };
    const isOwn = ([key]: [string, ColumnValue]) => own.has(key);
    const entry = userEntry.safeParse({
      ...Object.fromEntries(Object.entries(user).filter(isOwn)),
      mentoradoId: id,
      columns: Object.fromEntries(Object.entries(user).filter((one) => !isOwn(one))),
      profile: profile && rest,
    });
    if (!entry.success) throw new UnexpectedRow({ cause: entry.error });
    return entry.data;
  });
}

function readValues(
  columns: readonly ListColumn[],
  values: readonly (string | null)[],
): Record<string, ColumnValue> {
  return Object.fromEntries(
    columns.map(({ key, read }, index) => {
      const text = values[index] ?? null;
      return [key, text === null ? null : read(text)];
    }),
  );
}
