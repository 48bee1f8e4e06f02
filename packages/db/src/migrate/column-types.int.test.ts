import { afterEach, beforeEach, expect, test } from "vitest";
import type { Pool } from "../pool.ts";
import { createEmptyPool } from "../testing.ts";
import { findSession } from "../users.ts";
import { MigrationRefusal } from "./adoption/refuse-unfit.ts";
import { migrateUp } from "./migrate.ts";

let pool: Pool;

beforeEach(async () => {
  pool = await createEmptyPool();
});
afterEach(() => pool.end());

// The migration's own test write runs every statement against the column, so a successful adoption is the proof.
test.each([
  ["users", "id", "integer generated always as identity primary key"],
  ["users", "clerk_id", "varchar(64)"],
  ["users", "email", "varchar(255) not null"],
  ["users", "image_url", "varchar(255)"],
  ["users", "role", "varchar(20) default 'user'"],
  ["users", "role", "role not null default 'user'"],
  ["users", "role", "role"],
  ["users", "tier", "tier default 'FREE'"],
  ["users", "tier", "tier not null"],
  ["users", "banned", "boolean"],
  ["users", "clerk_updated_at", "timestamptz(3)"],
  ["users", "deleted_at", "timestamp(3)"],
  ["users", "created_at", "timestamp not null"],
  ["users", "updated_at", "timestamptz not null"],
  ["mentorados", "nome_completo", "varchar(255)"],
  ["mentorados", "turma", "varchar(64) not null"],
  ["mentorados", "ativo", "sim_nao not null default 'sim'"],
  ["mentorados", "ativo", "sim_nao"],
  ["mentorados", "ativo", "short_text"],
  ["mentorados", "meta_leads", "bigint"],
  ["mentorados", "meta_leads", "smallint"],
  ["mentorados", "linked_at", "timestamp"],
  ["mentorados", "updated_at", "timestamp not null"],
])("adopts %s.%s as %s", async (table, column, type) => {
  await createAppTable(table, column, type);
  await migrateUp(pool);
});

test.each([
  ["users", "id", "uuid primary key default gen_random_uuid()", "is uuid, but must be integer"],
  ["users", "id", "bigserial", "is bigint, but must be integer"],
  ["users", "id", "text primary key default 'x'", "is text, but must be integer"],
  [
    "users",
    "clerk_id",
    "varchar(30)",
    "is character varying(30), but must be text, or varchar of at least 32",
  ],
  [
    "users",
    "email",
    "varchar(100)",
    "is character varying(100), but must be text, or varchar of at least 254",
  ],
  ["users", "email_verified", "timestamp", "is timestamp without time zone, but must be boolean"],
  ["users", "role", "integer", "is integer, but must be text, or an enum with 'user' and 'admin'"],
  ["users", "role", "sim_nao", "lacks a value: alter type sim_nao add value 'user'"],
  [
    "users",
    "clerk_updated_at",
    "timestamp",
    "is timestamp without time zone, but must be timestamp with time zone, in milliseconds at least",
  ],
  [
    "users",
    "updated_at",
    "timestamp(3)",
    "is timestamp(3) without time zone, but must be timestamp with time zone, or timestamp, in microseconds",
  ],
  ["users", "read_ticket", "integer", "is integer, but must be bigint"],
  ["mentorados", "user_id", "varchar", "is character varying, but must be integer"],
  ["mentorados", "user_id", "json", "is json, but must be integer"],
  ["mentorados", "turma", "tier", "is tier, but must be text, or varchar of at least 64"],
  ["mentorados", "ativo", "boolean", "is boolean, but must be text, or an enum with 'sim' and 'nao'"],
  ["mentorados", "meta_leads", "real", "is real, but must be integer, bigint or smallint"],
])("refuses %s.%s as %s", async (table, column, type, reason) => {
  await createAppTable(table, column, type);
  const error = await migrateUp(pool).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MigrationRefusal);
  expect((error as MigrationRefusal).problems[0]).toContain(`public.${table}.${column} ${reason}`);
});

test("a time without a zone is read as UTC, in any zone of this process", async () => {
  await pool.query(
    "create table users (id serial primary key, created_at timestamp, updated_at timestamptz)",
  );
  await migrateUp(pool);
  await pool.query(`insert into users (clerk_id, created_at, updated_at)
                    values ('user_a', '2026-01-01 10:00', '2026-01-01 10:00+02')`);
  const zone = process.env["TZ"];
  process.env["TZ"] = "America/Sao_Paulo";
  try {
    expect((await findSession(pool, "user_a"))?.user).toMatchObject({
      createdAt: new Date("2026-01-01T10:00:00Z"),
      updatedAt: new Date("2026-01-01T08:00:00Z"),
    });
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
});

async function createAppTable(table: string, column: string, type: string): Promise<void> {
  const id = column === "id" ? "" : "id serial primary key, ";
  await pool.query(`
    create type role as enum ('user', 'mentor', 'admin');
    create type tier as enum ('FREE', 'PRO');
    create type sim_nao as enum ('sim', 'nao');
    create domain short_text as varchar(8);
    create table public.${table} (${id}${column} ${type})`);
}
