/** What a column that the app already has must be, so that our statements work with it. */
export type ColumnRule = {
  /** Names in pg_type; a domain counts as what it is made of. */
  types: readonly string[];
  /** The same for people, with the type to change to first. */
  says: string;
  /** Shortest `varchar(n)`, in characters. */
  minLength?: number;
  /** Values that an enum must have, where an enum will do. */
  labels?: readonly string[];
  /** Fewest digits of a second, for stamps that decide about order. */
  minPrecision?: number;
  nullable?: true;
};

/** A longer value than the column takes costs that one user, visibly: so these are lengths that occur in Clerk. */
const text = (minLength: number): ColumnRule => ({
  types: ["text", "varchar", "citext"],
  says: `text, or varchar of at least ${minLength}`,
  minLength,
});

const oneOf = (...labels: string[]): ColumnRule => ({
  types: ["text", "varchar", "citext", "enum"],
  says: `text, or an enum with ${labels.map((label) => `'${label}'`).join(" and ")}`,
  minLength: Math.max(...labels.map((label) => label.length)),
  labels,
});

/** What our own tables refer to. pg hands a bigint on as text, and a uuid would need other answers of the API. */
const rowId: ColumnRule = { types: ["int4"], says: "integer" };

const flag: ColumnRule = { types: ["bool"], says: "boolean" };

const amount: ColumnRule = { types: ["int4", "int8", "int2"], says: "integer, bigint or smallint" };

/** Without a time zone it is read as UTC, as drizzle does. */
const instant: ColumnRule = {
  types: ["timestamptz", "timestamp"],
  says: "timestamp with time zone, or timestamp",
};

/** apply-snapshots knows what it changed by comparing these with now(). */
const changeMark: ColumnRule = { ...instant, says: `${instant.says}, in microseconds`, minPrecision: 6 };

/** Clerk counts in milliseconds, and a stamp without a zone moves with the session's. */
const orderMark: ColumnRule = {
  types: ["timestamptz"],
  says: "timestamp with time zone, in milliseconds at least",
  minPrecision: 3,
};

const nullable = (rule: ColumnRule): ColumnRule => ({ ...rule, nullable: true });

/** Clerk's own ids have 32 characters. Not citext: ids that differ only in case are different people. */
const clerkId: ColumnRule = {
  types: ["text", "varchar"],
  says: "text, or varchar of at least 32",
  minLength: 32,
};

export const columnRules: Readonly<Record<"users" | "mentorados", Readonly<Record<string, ColumnRule>>>> = {
  users: {
    id: rowId,
    clerk_id: clerkId,
    email: nullable(text(254)),
    email_verified: flag,
    name: nullable(text(100)),
    image_url: nullable(text(255)),
    role: oneOf("user", "admin"),
    role_source: nullable({
      types: ["text", "varchar"],
      says: "text, or varchar of at least 5",
      minLength: 5,
    }),
    tier: oneOf("FREE"),
    banned: flag,
    clerk_created_at: nullable(orderMark),
    clerk_updated_at: nullable(orderMark),
    read_ticket: nullable({ types: ["int8"], says: "bigint" }),
    deleted_at: nullable(instant),
    created_at: changeMark,
    updated_at: changeMark,
  },
  mentorados: {
    id: rowId,
    user_id: nullable(rowId),
    nome_completo: text(100),
    email: nullable(text(254)),
    foto_url: nullable(text(255)),
    turma: nullable(text(64)),
    ativo: oneOf("sim", "nao"),
    meta_faturamento: amount,
    meta_leads: amount,
    meta_procedimentos: amount,
    meta_posts: amount,
    meta_stories: amount,
    linked_at: nullable(instant),
    created_at: changeMark,
    updated_at: changeMark,
  },
};
