import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Pool } from "../pool.ts";
import { createTestPool } from "../testing.ts";

const run = async (pool: Pool, direction: "up" | "down") => {
  const file = new URL(`../../migrations/0007_keys_of_any_type.${direction}.sql`, import.meta.url);
  await pool.query(await readFile(file, "utf8"));
};

const readRows = async (pool: Pool) => {
  const tables = ["conflicts", "former_profiles", "purges"];
  const ids = ["id, user_id, candidate_ids, profile_id", "mentorado_id, clerk_id", "clerk_id, also"];
  const found = tables.map((table, index) =>
    pool.query(`select ${ids[index]} from rollcall.${table} order by 1`),
  );
  return (await Promise.all(found)).map(({ rows }) => rows);
};

test("rows with integer keys outlive the migration of keys in both directions", async () => {
  const pool = await createTestPool();
  try {
    await pool.query(
      "insert into rollcall.conflicts (user_id, reason, candidate_ids, profile_id) values (1, 'x', '{2,3}', 4)",
    );
    await pool.query("insert into rollcall.former_profiles (mentorado_id, clerk_id) values (5, 'user_a')");
    await pool.query(
      "insert into rollcall.purges (clerk_id, keep_profile, also, preview, started_by) values ('user_a', false, '{6}', false, 'ana')",
    );
    const before = await readRows(pool);
    expect(before.map((rows) => rows.length)).toEqual([1, 1, 1]);
    await pool.query(
      "insert into rollcall.conflicts (user_key, reason, candidate_keys) values ('a', 'x', '{b}')",
    );
    await pool.query("insert into rollcall.former_profiles (profile_key, clerk_id) values ('b', 'user_b')");
    await run(pool, "down");
    expect(await readRows(pool)).toEqual(before);
    await run(pool, "up");
    expect(await readRows(pool)).toEqual(before);
    const twice = "insert into rollcall.former_profiles (mentorado_id, clerk_id) values (5, 'user_c')";
    await expect(pool.query(twice)).rejects.toMatchObject({ cause: { code: "23505" } });
  } finally {
    await pool.end();
  }
});

test("a row has keys of one kind", async () => {
  const pool = await createTestPool();
  try {
    for (const statement of [
      "insert into rollcall.conflicts (reason, candidate_keys) values ('x', '{b}')",
      "insert into rollcall.conflicts (user_id, user_key, reason, candidate_keys) values (1, 'a', 'x', '{b}')",
      "insert into rollcall.conflicts (user_id, reason) values (1, 'x')",
      "insert into rollcall.former_profiles (clerk_id) values ('user_a')",
      "insert into rollcall.purges (clerk_id, keep_profile, preview, started_by) values ('user_a', false, false, 'ana')",
    ])
      await expect(pool.query(statement)).rejects.toMatchObject({ cause: { code: "23514" } });
  } finally {
    await pool.end();
  }
});
