import { defaultMapping, type Mapping, toQualified } from "@rollcall/contracts";
import { quoteName } from "./quote-name.ts";
import { describeUserColumns, type UserColumns } from "./user-columns.ts";

/**
 * The app's tables as statements name them, made from the mapping once at start. Every name is quoted here, and no
 * statement quotes a name of its own.
 */
export type Tables = {
  mapping: Mapping;
  /** Whether the tables are `public.users` and `public.mentorados`. The statements about profiles know only these. */
  hasProfile: boolean;
  users: UserColumns & {
    /** `schema.table`. */
    table: string;
    /** The same without quotes, for messages. */
    label: string;
    keyType: Mapping["users"]["key"]["type"];
    /**
     * Whether a row `u` holds personal data, or a profile. A row with `deleted_at` may: the column may be the app's own,
     * and an app may set it by itself.
     */
    holdsPersonalData: string;
  };
};

export function createTables(mapping: Mapping): Tables {
  const qualified = toQualified(mapping.users.table);
  const hasProfile = mapping.profile !== null;
  const columns = describeUserColumns(mapping.users);
  return {
    mapping,
    hasProfile,
    users: {
      ...columns,
      table: qualified.map(quoteName).join("."),
      label: qualified.join("."),
      keyType: mapping.users.key.type,
      holdsPersonalData: hasProfile
        ? `(
  ${columns.holdsPersonalTexts}
  or exists (select from public.mentorados m where m.user_id = u.id)
)`
        : `(${columns.holdsPersonalTexts})`,
    },
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
