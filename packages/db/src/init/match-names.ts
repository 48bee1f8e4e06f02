import type { Mapping } from "@rollcall/contracts";
import type { CatalogColumn, CatalogTable } from "./read-catalog.ts";

/** A field of the mapping that init fills, with its column and the reason. */
export type Taken = { field: string; column: string; why: string };

export const texts = ["text", "varchar", "citext"];
export const times = ["timestamp", "timestamptz"];

/** A name without case and separators. */
export const simplify = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** A table's name in the mapping. */
export const label = ({ schema, name }: CatalogTable) => (schema === "public" ? name : `${schema}.${name}`);

/** The file would mean another table. */
export const hasDot = ({ schema, name }: CatalogTable) => `${schema}${name}`.includes(".");

export type Key = Mapping["users"]["key"];

/** @returns undefined for a type that a key may not have */
export function toKeyType({ type }: CatalogColumn): Key["type"] | undefined {
  const types: Readonly<Record<string, Key["type"]>> = {
    int4: "integer",
    int8: "bigint",
    uuid: "uuid",
    text: "text",
    varchar: "text",
  };
  return types[type];
}

/**
 * The column that refers to the key of another table: by a foreign key, or else by its type and its name. Undefined if
 * several do.
 *
 * @param usual names that it may have besides the other table's own, simplified
 */
export function findReference(
  table: CatalogTable,
  target: CatalogTable,
  key: Key,
  usual: readonly string[],
): CatalogColumn | undefined {
  const referring = table.columns.filter(
    ({ refersTo }) =>
      refersTo?.schema === target.schema && refersTo.table === target.name && refersTo.column === key.column,
  );
  const singular = simplify(target.name).replace(/s$/, "");
  const isNamed = ({ name }: CatalogColumn) => [...usual, `${singular}id`].includes(simplify(name));
  const named = table.columns.filter(
    (column) => toKeyType(column) === key.type && !column.isPrimary && isNamed(column),
  );
  // Another key may name the user who made the row.
  const candidates =
    referring.length > 1 ? referring.filter(isNamed) : referring.length > 0 ? referring : named;
  const [column, other] = candidates;
  return other ? undefined : column;
}
