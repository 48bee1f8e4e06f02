import { expect, test } from "vitest";
import { startCluster, withClient } from "./postgres.ts";

test("a copy of the prepared database counts on after a crash", async () => {
  const insert = "insert into counted default values returning id";
  const cluster = await startCluster((databaseUrl) =>
    withClient(databaseUrl, async (db) => {
      await db.query("create table counted (id bigint generated always as identity primary key)");
      await db.query(insert);
    }),
  );
  try {
    const databaseUrl = await cluster.createDatabase();
    await withClient(databaseUrl, (db) => db.query(insert));
    await cluster.crash(0);
    const { rows } = await withClient(databaseUrl, (db) => db.query<{ id: string }>(insert));
    expect(Number(rows[0]?.id)).toBeGreaterThan(2);
  } finally {
    await cluster.stop();
  }
});
