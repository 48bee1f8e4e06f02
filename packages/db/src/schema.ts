import { sql } from "drizzle-orm";
import { bigint, boolean, customType, index, integer, pgTable, serial, text } from "drizzle-orm/pg-core";

// As drizzle's `timestamp(…, { withTimezone: true })`, but a column that the app made without a zone is read as
// UTC, which is what drizzle does there, and not in the zone of this process.
const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp with time zone",
  toDriver: (value) => value.toISOString(),
  fromDriver: (value) => new Date(/[+-]\d\d(:\d\d)*$/.test(value) ? value : `${value}+0000`),
});
const now = sql`now()`;

// rollcall.fold_email(), spelled out: the app may push this schema to a database that has no such function yet.
// Postgres inlines the function, so that our queries find the index either way.
const foldedEmail = sql`translate(btrim(email::text, E' \\t\\r\\n'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`;

/** One row for each Clerk user, deleted ones included (as tombstones). */
export const users = pgTable(
  "users",
  {
    id: serial().primaryKey(),
    clerkId: text("clerk_id").notNull().unique(),
    email: text(),
    emailVerified: boolean("email_verified").notNull().default(false),
    name: text(),
    imageUrl: text("image_url"),
    /** `user` or `admin`. */
    role: text().notNull().default("user"),
    /** `clerk` beside a role that public metadata gave; null otherwise. See the role rule in apply-snapshots. */
    roleSource: text("role_source"),
    tier: text().notNull().default("FREE"),
    banned: boolean().notNull().default(false),
    clerkCreatedAt: instant("clerk_created_at"),
    clerkUpdatedAt: instant("clerk_updated_at"),
    /** Sequence number taken before the Clerk request that this row was written from. */
    readTicket: bigint("read_ticket", { mode: "number" }),
    /** Set on a tombstone: Clerk has no such user any more, and never will again. */
    deletedAt: instant("deleted_at"),
    createdAt: instant("created_at").notNull().default(now),
    updatedAt: instant("updated_at").notNull().default(now),
  },
  (table) => [
    index("users_claimant_email")
      .using("hash", foldedEmail)
      .where(sql`deleted_at is null and email_verified`),
    index("users_clerk_created_at").on(table.clerkCreatedAt).where(sql`deleted_at is null`),
  ],
);

/** A mentee's profile; at most one for each user, and edited by people. */
export const mentorados = pgTable(
  "mentorados",
  {
    id: serial().primaryKey(),
    userId: integer("user_id")
      .unique()
      .references(() => users.id, { onDelete: "set null" }),
    nomeCompleto: text("nome_completo").notNull(),
    email: text(),
    fotoUrl: text("foto_url"),
    turma: text(),
    /** `sim` or `nao`. */
    ativo: text().notNull().default("sim"),
    metaFaturamento: integer("meta_faturamento").notNull().default(16_000),
    metaLeads: integer("meta_leads").notNull().default(50),
    metaProcedimentos: integer("meta_procedimentos").notNull().default(10),
    metaPosts: integer("meta_posts").notNull().default(12),
    metaStories: integer("meta_stories").notNull().default(60),
    /** When the profile first got a user; kept after an unlink, so that it never becomes a candidate again. */
    linkedAt: instant("linked_at"),
    createdAt: instant("created_at").notNull().default(now),
    updatedAt: instant("updated_at").notNull().default(now),
  },
  () => [index("mentorados_folded_email").using("hash", foldedEmail)],
);

export type User = typeof users.$inferSelect;
export type Mentorado = typeof mentorados.$inferSelect;
