import { z } from "zod";

/** `enum`: a text of a fixed set. */
export const columnKind = z.enum(["text", "number", "boolean", "time", "enum"]);

export type ColumnKind = z.infer<typeof columnKind>;

/** A column of the users' table or of the profiles' table, as lists show it. */
export const columnView = z.object({
  /** The key of the value in a row of the list, and the name of the filter. */
  key: z.string(),
  kind: columnKind,
  /** All values of an enum. Of a filterable text: values that the newest rows have, as suggestions. */
  values: z.array(z.string()).optional(),
  /** Whether `GET users` takes the key as a filter. */
  filterable: z.boolean(),
  /** Whether the column may tell who a person is. A personal column is never filterable: filters stand in addresses. */
  personal: z.boolean(),
});

export type ColumnView = z.infer<typeof columnView>;

/** `GET columns`. The columns of the app itself are listed too, unless their name says that they hold a secret. */
export const columnsAnswer = z.object({
  users: z.array(columnView),
  /** Null when users have no profile. `name` is the singular word for it. */
  profile: z.object({ name: z.string(), columns: z.array(columnView) }).nullable(),
});

export type ColumnsAnswer = z.infer<typeof columnsAnswer>;

/** The value of a column in a list. A time is an ISO text. A long text is cut. */
export const columnValue = z.union([z.string(), z.number(), z.boolean()]).nullable();

export type ColumnValue = z.infer<typeof columnValue>;
