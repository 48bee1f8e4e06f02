import { defaultMapping, type Mapping, toQualified } from "@rollcall/contracts";
import { quoteName } from "./quote-name.ts";
import { describeUserColumns, type UserColumns } from "./user-columns.ts";

export type KeyType = Mapping["users"]["key"]["type"];

/**
 * The app's tables as statements name them, made from the mapping once at start. Every name is quoted here, and no
 * statement quotes a name of its own.
 */
export type Tables = {
  mapping: Mapping;
  /** The table of the profiles; undefined for an app without profiles. */
  profile: ProfileTable | undefined;
  users: UserColumns & {
    /** `schema.table`. */
    table: string;
    /** The same without quotes, for messages. */
    label: string;
    keyType: KeyType;
    /**
     * Whether a row `u` holds personal data, or a profile. A row with `deleted_at` may: the column may be the app's own,
     * and an app may set it by itself.
     */
    holdsPersonalData: string;
  };
};

/** The names are quoted. */
export type ProfileTable = {
  /** `schema.table`. */
  table: string;
  /** The same without quotes, for messages. */
  label: string;
  /** The singular noun: the key in answers. */
  name: string;
  id: string;
  keyType: KeyType;
  /** The column that refers to the key of the users. */
  link: string;
};

export function createTables(mapping: Mapping): Tables {
  const qualified = toQualified(mapping.users.table);
  const columns = describeUserColumns(mapping.users);
  const profile = mapping.profile ? describeProfile(mapping.profile) : undefined;
  return {
    mapping,
    profile,
    users: {
      ...columns,
      table: qualified.map(quoteName).join("."),
      label: qualified.join("."),
      keyType: mapping.users.key.type,
      holdsPersonalData: profile
        ? `(
  ${columns.holdsPersonalTexts}
  or exists (select from ${profile.table} m where m.${profile.link} = u.${columns.id})
)`
        : `(${columns.holdsPersonalTexts})`,
    },
  };
}

function describeProfile(profile: NonNullable<Mapping["profile"]>): ProfileTable {
  const qualified = toQualified(profile.table);
  return {
    table: qualified.map(quoteName).join("."),
    label: qualified.join("."),
    name: profile.name,
    id: quoteName(profile.key.column),
    keyType: profile.key.type,
    link: quoteName(profile.link),
  };
}

export const defaultTables = createTables(defaultMapping);

/** Statements of one file, made once for each mapping and not at each call. */
export function perTables<Statements>(
  make: (tables: Tables) => Statements,
): (db: { readonly tables: Tables }) => Statements {
  const made = new WeakMap<Tables, Statements>();
  return ({ tables }) => {
    const known = made.get(tables);
    if (known !== undefined) return known;
    const statements = make(tables);
    made.set(tables, statements);
    return statements;
  };
}
