import { isDeepStrictEqual } from "node:util";
import { defaultMapping, type Mapping, toQualified } from "@rollcall/contracts";
import { createOrganizationTables, type OrganizationTables } from "./organization-columns.ts";
import { describeProfile, type ProfileTable } from "./profile-columns.ts";
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
  /** The word for a profile in names of log events and notifications, also for an app without profiles. */
  profileName: string;
  /** The tables of organizations and memberships; undefined while organizations are off. */
  organizations: OrganizationTables | undefined;
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

export function createTables(mapping: Mapping): Tables {
  const qualified = toQualified(mapping.users.table);
  const columns = describeUserColumns(mapping.users, isDefaultMapping(mapping));
  const profile = mapping.profile ? describeProfile(mapping.profile, mapping.users) : undefined;
  return {
    mapping,
    profile,
    profileName: profile?.name ?? "mentorado",
    organizations: createOrganizationTables(mapping),
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

/** Whether the tables are the two that Rollcall makes by itself. */
export function isDefaultMapping(mapping: Mapping): boolean {
  const { organizations: _, ...own } = normalize(mapping);
  return isDeepStrictEqual(own, normalize(defaultMapping));
}

function normalize({ users: mapped, profile, ...others }: Mapping): Mapping {
  return {
    ...others,
    users: { ...mapped, table: toQualified(mapped.table).join(".") },
    profile: profile && { ...profile, table: toQualified(profile.table).join(".") },
  };
}

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

/** Statements about profiles, made as `perTables` does. They are undefined for an app without profiles. */
export function perProfile<Statements>(
  make: (profile: ProfileTable, tables: Tables) => Statements,
): (db: { readonly tables: Tables }) => Statements | undefined {
  return perTables((tables) => tables.profile && make(tables.profile, tables));
}

/** Statements about organizations, made as `perTables` does. They are undefined while organizations are off. */
export function perOrganizations<Statements>(
  make: (organizations: OrganizationTables, tables: Tables) => Statements,
): (db: { readonly tables: Tables }) => Statements | undefined {
  return perTables((tables) => tables.organizations && make(tables.organizations, tables));
}

/** The join of a user `u` with its profile `m`; empty for an app without profiles. */
export function joinProfile({ users: u, profile }: Tables): string {
  if (!profile) return "";
  const { table, rows, link, one, isSeparate } = profile;
  return isSeparate
    ? `left join lateral (select * from ${rows} m where m.${link} = u.${u.id}${one}) m on true`
    : `left join ${table} m on m.${link} = u.${u.id}`;
}
