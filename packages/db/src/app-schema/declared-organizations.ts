import type { MappedOrganizations } from "@rollcall/contracts";
import { quoteName } from "../quote-name.ts";
import type { Tables } from "../tables.ts";
import {
  amount,
  appTime,
  type ColumnRule,
  changeMark,
  clerkIdRule,
  instant,
  keyReferenceRule,
  keyRule,
  nullable,
  text,
} from "./column-rules.ts";
import {
  type DeclaredColumn,
  type DeclaredForeignKey,
  type DeclaredIndex,
  type DeclaredTable,
  describeTable,
  nameObject,
  typeOfKey,
} from "./declared-table.ts";

/**
 * The tables of organizations and memberships as Rollcall needs them. It makes the default ones with every column. To
 * tables that the mapping names it adds only unique keys: all state of Rollcall's own is in schema `rollcall`.
 */
export function declareOrganizations(
  tables: Tables,
  mapped: MappedOrganizations,
  ofUsers: DeclaredTable,
): DeclaredTable[] {
  const organizations = declareOwn(tables, mapped);
  return [organizations, declareMemberships(tables, mapped, [ofUsers, organizations])];
}

type Form = Pick<DeclaredColumn, "type" | "notNull" | "default">;

const time = "timestamp with time zone";
const stamp: Form = { type: time, notNull: false, default: undefined };
const mark: Form = { type: time, notNull: true, default: "now()" };
const plain = (type: string): Form => ({ type, notNull: false, default: undefined });

/** The columns of `organizations.columns`: their form in the default table, and what a column of the app must be. */
const organizationForms: Record<keyof MappedOrganizations["columns"], [form: Form, rule: ColumnRule]> = {
  clerkOrgId: [{ ...plain("text"), notNull: true }, clerkIdRule],
  name: [plain("text"), text(100)],
  slug: [plain("text"), nullable(text(64))],
  imageUrl: [plain("text"), nullable(text(255))],
  membersCount: [plain("integer"), nullable(amount)],
  clerkCreatedAt: [stamp, nullable(instant)],
  clerkUpdatedAt: [stamp, nullable(instant)],
  deletedAt: [stamp, nullable(instant)],
  createdAt: [mark, appTime],
  updatedAt: [mark, appTime],
};

const membershipForms: Record<
  keyof MappedOrganizations["memberships"]["columns"],
  [form: Form, rule: ColumnRule]
> = {
  role: [{ ...plain("text"), notNull: true }, text(64)],
  deletedAt: [stamp, nullable(instant)],
  createdAt: [mark, appTime],
  updatedAt: [mark, appTime],
};

/** @param place the mapping's field of the table's columns. In the table that Rollcall makes, no field names a column */
function describer(place: string, isOurs: boolean) {
  return (
    name: string,
    field: string,
    property: string,
    [form, rule]: [Form, ColumnRule],
  ): DeclaredColumn => ({
    // The app's own default counts, and a required column needs none that every insert fills.
    ...(isOurs ? form : { ...form, notNull: false, default: undefined }),
    name,
    column: quoteName(name),
    property,
    field: isOurs ? undefined : `${place}.${field}`,
    possibleField: isOurs ? undefined : `${place}.${field}`,
    isPrimary: false,
    uniqueKey: undefined,
    rule: isOurs && rule === appTime ? changeMark : rule,
  });
}

function listColumns<Field extends string>(
  columns: Partial<Record<Field, string | undefined>>,
  forms: Record<Field, [Form, ColumnRule]>,
  describe: ReturnType<typeof describer>,
): DeclaredColumn[] {
  return (Object.keys(forms) as Field[]).flatMap((field) => {
    const name = columns[field];
    return name === undefined ? [] : [describe(name, `columns.${field}`, field, forms[field])];
  });
}

function declareOwn(tables: Tables, mapped: MappedOrganizations): DeclaredTable {
  const { isOurs, key, columns: named } = mapped;
  const own = describeOwn("organizations", mapped, tables);
  const describe = describer("organizations", isOurs);
  const keyIsClerkId = key.column === named.clerkOrgId;
  const columns = listColumns(named, organizationForms, describe);
  const unique = columns.map((column) =>
    column.property === "clerkOrgId"
      ? { ...column, uniqueKey: nameObject(own.name, `${column.name}_unique`), isPrimary: keyIsClerkId }
      : column,
  );
  return {
    ...own,
    columns: keyIsClerkId ? unique : [describeKey(key, "key.column", describe), ...unique],
    uniqueTogether: [],
    indexes: [],
    advisedIndexes: [],
    foreignKeys: [],
  };
}

function declareMemberships(
  tables: Tables,
  mapped: MappedOrganizations,
  [ofUsers, ofOrganizations]: [DeclaredTable, DeclaredTable],
): DeclaredTable {
  const { memberships: pairs, key: organizationKey } = mapped;
  const { isOurs } = pairs;
  const own = describeOwn("memberships", pairs, tables);
  const describe = describer("organizations.memberships", isOurs);
  const reference = (name: string, field: "user" | "organization", type: typeof organizationKey.type) =>
    describe(name, field, `${field}Id`, [
      { type, notNull: true, default: undefined },
      keyReferenceRule(type),
    ]);
  const user = reference(pairs.user, "user", tables.mapping.users.key.type);
  const organization = reference(pairs.organization, "organization", organizationKey.type);
  const ofOrganization: DeclaredIndex = {
    name: nameObject(own.name, pairs.organization),
    method: "btree",
    column: pairs.organization,
    columns: [pairs.organization],
    key: organization.column,
    property: organization.property,
    predicate: undefined,
  };
  const refer = (from: DeclaredColumn, to: DeclaredTable): DeclaredForeignKey[] => {
    const target = to.columns.find(({ isPrimary }) => isPrimary);
    // The app decides what becomes of its rows when it deletes a row of its own table.
    if (!isOurs || !to.isOurs || !target) return [];
    const { kind, table, label } = to;
    return [
      {
        name: nameObject(own.name, `${from.name}_${to.name}_${target.name}_fk`),
        column: from.name,
        property: from.property,
        target: { kind, table, label, column: target.name, property: target.property },
        onDelete: "cascade",
      },
    ];
  };
  return {
    ...own,
    columns: [
      ...(pairs.key ? [describeKey(pairs.key, "key.column", describe)] : []),
      user,
      organization,
      ...listColumns(pairs.columns, membershipForms, describe),
    ],
    uniqueTogether: [
      {
        name: nameObject(own.name, `${pairs.user}_${pairs.organization}_unique`),
        columns: [user, organization],
      },
    ],
    indexes: isOurs ? [ofOrganization] : [],
    advisedIndexes: isOurs ? [] : [ofOrganization],
    foreignKeys: [...refer(user, ofUsers), ...refer(organization, ofOrganizations)],
  };
}

function describeKey(
  { column, type }: MappedOrganizations["key"],
  field: string,
  describe: ReturnType<typeof describer>,
): DeclaredColumn {
  const form: Form = { type: typeOfKey(type), notNull: true, default: undefined };
  return { ...describe(column, field, "id", [form, keyRule(type)]), notNull: true, isPrimary: true };
}

function describeOwn(
  kind: DeclaredTable["kind"],
  { table, isOurs }: { table: string; isOurs: boolean },
  tables: Tables,
) {
  const own = describeTable(kind, table, tables);
  return { ...own, isOurs, keepsForm: own.keepsForm && !isOurs };
}
