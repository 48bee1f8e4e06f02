import { AppError, type UserFilter } from "@rollcall/contracts";
import type { Queryable } from "./queryable.ts";
import { perTables, type Tables } from "./tables.ts";
import { type Bind, type UserSelection, writeExactEmail } from "./user-filter.ts";

/** A way through the users in a fixed order. A list follows one or more of them, one after the other. */
export type Scan = {
  /** Marks the scan in a cursor. */
  letter: string;
  from: string | ((bind: Bind, filter: UserFilter) => string);
  /** What an index answers. Any other condition in a slice would read the table until enough rows match. */
  where?(bind: Bind): string[];
  /** Which rows of a slice belong to the scan. */
  outerWhere?: string;
  /** The place of a row in the order, as text: its parts with a dot between. Only the last part may hold a dot. */
  position: string;
  /** The parts of a position. A number is a whole number of up to 64 bits. */
  parts: readonly Part[];
  split(position: string): string[];
  after(position: readonly string[], bind: Bind): string;
  order: string;
  /** The same order behind the filter, where only `u` is left. */
  outerOrder: string;
  isBySignUp?: true;
  isExactEmail?: true;
};

type Part = "number" | "uuid" | "text";

/**
 * The scans of a list.
 *
 * Numbers as keys grow with time, so the order by key is newest first. Other keys have no order in time. Users then come
 * by their sign-up at Clerk, whose index has the live rows: first those without the time, which the app made and no sync
 * has reached, and at the end the deleted ones. A row that gets its time during a walk comes twice then, and never not at
 * all. With a range of sign-up times, users of every key have the order of the sign-ups.
 */
const scansOf = perTables(({ users: u }) => {
  const isNumber = u.keyType === "integer" || u.keyType === "bigint";
  const key: Part = isNumber ? "number" : u.keyType === "uuid" ? "uuid" : "text";
  // Without a cast, Postgres reads the parameter as the column's own type, which may be citext or a domain.
  const bindKey = (bind: Bind, value: string | undefined) => `${bind(value)}${isNumber ? "::bigint" : ""}`;
  const isLive = `u.${u.deletedAt} is null`;

  const byKey = {
    from: `${u.table} u`,
    position: `u.${u.id}::text`,
    parts: [key],
    split: (position: string) => [position],
    after: ([id]: readonly string[], bind: Bind) => `u.${u.id} < ${bindKey(bind, id)}`,
    order: `u.${u.id} desc`,
    outerOrder: `u.${u.id} desc`,
  };

  const signUpOrder = `u.clerk_created_at desc, u.${u.id} desc`;

  /** The partial index has the live rows by sign-up. */
  const bySignUp: Scan = {
    letter: "s",
    from: `${u.table} u`,
    where: () => [isLive, ...(isNumber ? [] : ["u.clerk_created_at is not null"])],
    position: `(extract(epoch from u.clerk_created_at) * 1000000)::bigint || '.' || u.${u.id}`,
    parts: ["number", key],
    split: (position) => {
      const dot = position.indexOf(".");
      return [position.slice(0, dot), position.slice(dot + 1)];
    },
    after: ([at, id], bind) => `(u.clerk_created_at, u.${u.id})
      < (timestamptz 'epoch' + ${bind(at)}::bigint * interval '1 microsecond', ${bindKey(bind, id)})`,
    order: signUpOrder,
    outerOrder: signUpOrder,
    isBySignUp: true,
  };

  /** The users of a range of sign-up times start where the index starts, so users without the time are left out. */
  const undated: Scan = {
    ...byKey,
    letter: "n",
    where: () => [isLive, "u.clerk_created_at is null"],
  };

  return {
    bySignUp,
    /** The index lacks deleted users, so they are read by key, behind the others. */
    deleted: { ...byKey, letter: "t", outerWhere: `u.${u.deletedAt} is not null` } satisfies Scan,
    /** Undefined for keys that have no order in time. */
    all: isNumber ? ({ ...byKey, letter: "u" } satisfies Scan) : undefined,
    undated,
    byDifference: (runId: number | null): Scan => ({
      letter: "d",
      from: `rollcall.run_differences x join ${u.table} u on u.${u.clerkId} = x.clerk_id`,
      where: (bind) => [`x.run_id = ${bind(runId)}::bigint`],
      position: "x.number::text",
      parts: ["number"],
      split: (position) => [position],
      after: ([number], bind) => `x.number > ${bind(number)}::bigint`,
      order: "x.number",
      outerOrder: "u.rollcall_position::bigint",
    }),
    /**
     * The users of a whole address. `offset 0` keeps the order and the limit of the list away from the choice of the
     * index, whose selectivity Postgres may not know.
     */
    byEmail: (db: { readonly tables: Tables }): Scan => ({
      ...byKey,
      letter: "e",
      from: (bind, { query = "" }) =>
        `(select u.* from ${u.table} u where ${writeExactEmail(db, bind(query))} offset 0) u`,
      isExactEmail: true,
    }),
  };
});

export function chooseScans(db: Queryable, { filter, driftRunId }: UserSelection): Scan[] {
  const { query, state, signedUpFrom, signedUpTo } = filter;
  const { byDifference, byEmail, bySignUp, deleted, undated, all } = scansOf(db);
  if (filter.drifted) return [byDifference(driftRunId)];
  const isDated = signedUpFrom !== undefined || signedUpTo !== undefined;
  const live = isDated ? [bySignUp] : [undated, bySignUp];
  const byState = state === "deleted" ? [deleted] : state === undefined ? [...live, deleted] : live;
  const scans = all && !isDated ? [all] : byState;
  return query?.includes("@") ? [byEmail(db), ...scans] : scans;
}

export function writeSource(
  { filter }: UserSelection,
  scan: Scan,
  position: readonly string[],
  bind: Bind,
): string {
  const { signedUpFrom, signedUpTo } = filter;
  const from = typeof scan.from === "string" ? scan.from : scan.from(bind, filter);
  const conditions = [
    ...(scan.where?.(bind) ?? []),
    // Also behind the slice, with the other filters. Here it bounds what the index scan reads.
    ...(scan.isBySignUp && signedUpFrom ? [`u.clerk_created_at >= ${bind(signedUpFrom)}::timestamptz`] : []),
    ...(scan.isBySignUp && signedUpTo ? [`u.clerk_created_at < ${bind(signedUpTo)}::timestamptz`] : []),
    ...(position.length > 0 ? [scan.after(position, bind)] : []),
  ];
  const where = conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
  return `from ${from} ${where} order by ${scan.order}`;
}

/** The place behind which the next page starts. A part that is no number is `_` and base64url: it may be empty. */
export function writeCursor(scan: Scan, position: readonly string[]): string {
  const parts = position.map((part, index) =>
    scan.parts[index] === "number" ? part : `_${Buffer.from(part).toString("base64url")}`,
  );
  return scan.letter + parts.join(".");
}

/** @throws AppError `request.malformed` for a cursor of another list */
export function readCursor(scans: readonly Scan[], cursor = ""): { at: number; position: readonly string[] } {
  if (cursor === "") return { at: 0, position: [] };
  const at = scans.findIndex(({ letter }) => letter === cursor[0]);
  const { parts = [] } = scans[at] ?? {};
  const given = cursor.slice(1).split(".").filter(Boolean);
  const position = given.map((part, index) =>
    parts[index] === "number" ? part : Buffer.from(part.slice(1), "base64url").toString(),
  );
  const isMarked = given.every((part, index) => parts[index] === "number" || part.startsWith("_"));
  const isPosition =
    isMarked &&
    position.length === parts.length &&
    position.every((part, index) => isPart(part, parts[index]));
  if (at === -1 || (position.length > 0 && !isPosition))
    throw new AppError("request.malformed", "The cursor is of another list", {
      hint: "cursor: must be a nextCursor of an earlier answer with the same filter",
    });
  return { at, position };
}

function isPart(text: string, part: Part | undefined): boolean {
  // An app may give keys below zero to users of its own, such as a system user.
  if (part === "number") return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
  if (part === "uuid") return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
  return !text.includes("\0");
}
