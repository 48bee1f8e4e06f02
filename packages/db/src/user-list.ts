import {
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
import { joinProfile, perTables } from "./tables.ts";
import { createBind, readColumnFilters, type UserSelection, writeConditions } from "./user-filter.ts";
import { chooseScans, readCursor, type Scan, writeCursor, writeSource } from "./user-scans.ts";

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
 * Users that match a filter, newest first: see user-scans.ts for the order. A page may be short, or empty, and still have
 * a next one.
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
  const scans = chooseScans(db, wish.selection);
  let { at, position } = readCursor(scans, cursor);
  const items: UserEntry[] = [];
  const startedMs = performance.now();
  for (let scan = scans[at]; scan; scan = scans[at]) {
    const read = await readSlice(db, wish, { scan, position, limit: limit - items.length });
    items.push(...read.items);
    // The user of a whole address is the one that the caller wants to see now.
    const isFound = scan.isExactEmail && items.length > 0;
    if (read.next === undefined) at++;
    position = read.next ?? [];
    if (isFound || items.length === limit || performance.now() - startedMs > scanForMs) break;
  }
  const rest = scans[at];
  return { items, nextCursor: rest ? writeCursor(rest, position) : null };
}

const positionRow = z.object({ position: z.string() });

/** Reads the next slice of a scan, up to `limit` that match. @returns no `next` at the end of the scan */
async function readSlice(
  db: Queryable,
  { selection, columns }: UserWish,
  { scan, position, limit }: { scan: Scan; position: readonly string[]; limit: number },
): Promise<{ items: UserEntry[]; next: readonly string[] | undefined }> {
  const { bind, values } = createBind();
  const result = await db.query(
    `select u.rollcall_position as position, ${selectEntry(db, columns)}
     from (
       select u.* from (
         select u.*, ${scan.position} as rollcall_position
         ${writeSource(selection, scan, position, bind)} limit ${sliceLength}
       ) u
       where ${scan.outerWhere ?? "true"}
         and ${writeConditions(db, selection, bind, { withoutExactEmail: !scan.isExactEmail })}
       order by ${scan.outerOrder} limit ${bind(limit)}
     ) u
     ${joins(db).profile}
     order by ${scan.outerOrder}`,
    values,
  );
  const items = readEntries(columns, result.rows);
  const last = items.length === limit ? readRows(positionRow, result.rows.slice(-1))[0] : undefined;
  const next = last ? scan.split(last.position) : await findEnd(db, selection, { scan, position });
  return { items, next };
}

const joins = perTables((tables) => {
  const { users: u } = tables;
  const join = joinProfile(tables);
  return { profile: join, users: `from ${u.rows} u ${join}`, clerkId: `u.${u.clerkId}` };
});

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
  const [end] = readRows(positionRow, result.rows);
  return end && scan.split(end.position);
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
    `select ${selectEntry(db, columns)}
     ${joins(db).users}
     where ${joins(db).clerkId} = ${bind(query)} and ${writeConditions(db, selection, bind)}`,
    values,
  );
  return readEntries(columns, result.rows)[0];
}

/** Arrays of texts, because columns of an app may have any type. */
function selectEntry({ tables }: Queryable, { users, profile }: ListColumns): string {
  const list = (alias: string, columns: readonly ListColumn[]) =>
    `array[${columns.map((column) => column.toText(alias)).join(", ")}]::text[]`;
  const ofProfile =
    profile && tables.profile
      ? `case when m.${tables.profile.id} is not null then ${list("m", profile.columns)} end`
      : "null::text[]";
  return `${list("u", users)} as "ofUser", ${ofProfile} as "ofProfile"`;
}

const texts = z.array(z.string().nullable());
const listedRow = z.object({ ofUser: texts, ofProfile: texts.nullable() });

const own = new Set(Object.keys(userEntry.shape));
/** Fields that a mapping may leave out. */
const unmapped = { name: null };

function readEntries(columns: ListColumns, rows: readonly unknown[]): UserEntry[] {
  return readRows(listedRow, rows).map(({ ofUser, ofProfile }) => {
    const user = readValues(columns.users, ofUser);
    const profile = ofProfile && columns.profile && readValues(columns.profile.columns, ofProfile);
    const { id, ...rest } = profile ?? { id: null };
    const isOwn = ([key]: [string, ColumnValue]) => own.has(key);
    const entry = userEntry.safeParse({
      ...unmapped,
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
