import type { Mapping } from "@rollcall/contracts";
import type { MappedColumn } from "../user-columns.ts";

/** What an existing column must be, so that our statements work with it. */
export type ColumnRule = {
  /** Names in pg_type. A domain counts as its base type. */
  types: readonly string[] | "any";
  /** The same as text, with the recommended type first. */
  says: string;
  /** The shortest `varchar(n)`, in characters. */
  minLength?: number;
  /** Labels that an enum must have, where an enum is allowed. */
  labels?: readonly string[];
  /** Texts that differ in case alone must not be equal. */
  isExact?: true;
  /** The fewest fractional digits of a second, for times that decide about order. */
  minPrecision?: number;
  nullable?: true;
  /** Inserts give no value: the database must have one. */
  needsDefault?: true;
  /** Every insert gives a value: a column of the app that is required needs no default. */
  isFilled?: true;
  /** Inserts give no value: the database must have one, or take a null. */
  isUnfilled?: true;
};

/** A value that is too long fails its own user. The lengths are those that occur at Clerk. */
export const text = (minLength: number): ColumnRule => ({
  types: ["text", "varchar", "citext"],
  says: `text, or varchar of at least ${minLength}`,
  minLength,
});

/** @param labels none for an enum whose default is the app's own */
export const oneOf = (...labels: string[]): ColumnRule => ({
  types: ["text", "varchar", "citext", "enum"],
  says:
    labels.length === 0
      ? "text or an enum"
      : `text, or an enum with ${labels.map((label) => `'${label}'`).join(" and ")}`,
  minLength: Math.max(0, ...labels.map((label) => label.length)),
  labels,
});

/** A constant of the mapping. Postgres decides whether it fits, at the test write. */
export const anything: ColumnRule = { types: "any", says: "of any type" };

export const flag: ColumnRule = { types: ["bool"], says: "boolean" };

export const amount: ColumnRule = { types: ["int4", "int8", "int2"], says: "integer, bigint or smallint" };

/** Without a time zone it is read as UTC, as drizzle reads it. */
export const instant: ColumnRule = {
  types: ["timestamptz", "timestamp"],
  says: "timestamp with time zone, or timestamp",
};

/** applySnapshots compares these columns with now() to find the changed rows. */
export const changeMark: ColumnRule = {
  ...instant,
  says: `${instant.says}, in microseconds`,
  minPrecision: 6,
};

/** A time of an app's own table, which Rollcall writes. The test write shows whether its changes are found. */
export const appTime: ColumnRule = {
  ...instant,
  says: `${instant.says}, in milliseconds at least`,
  minPrecision: 3,
  isFilled: true,
};

/** Clerk counts in milliseconds. The meaning of a time without a zone depends on the zone of the session. */
const orderMark: ColumnRule = {
  types: ["timestamptz"],
  says: "timestamp with time zone, in milliseconds at least",
  minPrecision: 3,
};

export const unfilled = (rule: ColumnRule): ColumnRule => ({ ...rule, isUnfilled: true });

export const nullable = (rule: ColumnRule): ColumnRule => ({ ...rule, nullable: true });

/**
 * Clerk's ids have 32 characters. citext and nondeterministic collations are refused, because ids that differ only in
 * case are different users.
 */
export const clerkIdRule: ColumnRule = {
  types: ["text", "varchar"],
  says: "text, or varchar of at least 32",
  isExact: true,
  minLength: 32,
};

export const roleSourceRule = nullable({
  types: ["text", "varchar"],
  says: "text, or varchar of at least 5",
  minLength: 5,
});

export const readSequenceRule = nullable({ types: ["int8"], says: "bigint" });

const keyRules: Readonly<Record<Mapping["users"]["key"]["type"], ColumnRule>> = {
  integer: { types: ["int4"], says: "integer" },
  bigint: { types: ["int8"], says: "bigint" },
  uuid: { types: ["uuid"], says: "uuid" },
  text: { types: ["text", "varchar"], says: "text, or varchar of at least 36", minLength: 36 },
};

/** A column that refers to a key in every row. */
export const keyReferenceRule = (type: Mapping["users"]["key"]["type"]): ColumnRule => keyRules[type];

/** A column that refers to a key. Our own tables refer to keys too. */
export const referenceRule = (type: Mapping["users"]["key"]["type"]): ColumnRule => nullable(keyRules[type]);

/** Rollcall makes text and uuid keys itself. Postgres counts the others. */
export const keyRule = (type: Mapping["users"]["key"]["type"]): ColumnRule => ({
  ...keyRules[type],
  ...((type === "integer" || type === "bigint") && { needsDefault: true }),
});

/** The rule of a column that holds a value of Clerk's. */
export function ruleOf({ type, minLength = 0 }: MappedColumn): ColumnRule {
  switch (type) {
    case "text":
      return nullable(text(minLength));
    case "boolean":
      return flag;
    case "time":
      return nullable(orderMark);
  }
}
