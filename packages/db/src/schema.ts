import type { ColumnValue, RowKey } from "@rollcall/contracts";
import { sql } from "drizzle-orm";
import { bigint, boolean, customType, index, integer, pgTable, serial, text } from "drizzle-orm/pg-core";
import { foldedEmail, nearEmail } from "./email.ts";

// As drizzle's `timestamp(…, { withTimezone: true })`. The app may have made the column without a zone. Then it is
// read as UTC, as drizzle reads it, and not in the zone of this process.
const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp with time zone",
  toDriver: (value) => value.toISOString(),
  fromDriver: (value) => new Date(/[+-]\d\d(:\d\d)*$/.test(value) ? value : `${value}+0000`),
});
const now = sql`now()`;

/** One row for each Clerk user. Rows of deleted users stay as tombstones. */
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
    /** `clerk` for a role from public metadata, otherwise null. See `roleFollowsClerk`. */
    roleSource: text("role_source"),
    tier: text().notNull().default("FREE"),
    banned: boolean().notNull().default(false),
    clerkCreatedAt: instant("clerk_created_at"),
    clerkUpdatedAt: instant("clerk_updated_at"),
    /** The read sequence of the Clerk request from which this row was written. */
    readTicket: bigint("read_ticket", { mode: "number" }),
    /** Set on a tombstone. Clerk has no such user any more and never reuses the id. */
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

/** The profile of a mentee, at most one for each user. Mentees and mentors edit it. */
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
    /** The time at which the profile got a user. It stays after an unlink, so the profile is never unclaimed again. */
    linkedAt: instant("linked_at"),
    createdAt: instant("created_at").notNull().default(now),
    updatedAt: instant("updated_at").notNull().default(now),
  },
  () => [index("mentorados_near_email").using("hash", nearEmail)],
);

/** The key is a text in an app whose users' key is no integer. */
export type User = Omit<typeof users.$inferSelect, "id"> & { id: RowKey };
export type Mentorado = typeof mentorados.$inferSelect;

/** A profile of another table, with the columns that the mapping fills, by their keys in answers. */
export type MappedProfile = {
  id: RowKey;
  userId: RowKey | null;
  linkedAt: Date | null;
  columns: Record<string, ColumnValue>;
};
