import type { z } from "zod";

/** A user, organization or membership at Clerk with fields of an unexpected form, which were left out. */
export type PartlyRead = { clerkId: string; fields: readonly string[] };

/** A record that may lack a field whose form is unexpected. */
type Lenient<Fields extends Record<string, z.ZodType>> = {
  values: { [Name in keyof Fields]: z.infer<Fields[Name]> | null };
  /** The fields that have an unexpected form, and are null. */
  unreadable: (keyof Fields & string)[];
};

/** Reads each field of an object by its own schema, so that one field of an unexpected form loses no other. */
export function readFields<Fields extends Record<string, z.ZodType>>(
  fields: Fields,
  value: unknown,
): Lenient<Fields> {
  const unreadable: (keyof Fields & string)[] = [];
  const values = Object.entries(fields).map(([name, schema]) => {
    const read = schema.safeParse(readField(value, name));
    if (read.success) return [name, read.data];
    unreadable.push(name);
    return [name, null];
  });
  // Each value is its schema's result or null, and Object.fromEntries loses that.
  return { values: Object.fromEntries(values) as Lenient<Fields>["values"], unreadable };
}

export function readField(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
