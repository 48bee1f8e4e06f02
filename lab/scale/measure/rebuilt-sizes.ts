import { withClient } from "../../chaos/stage/with-client.ts";
import { type RelationSize, readSizes } from "./relation-sizes.ts";

/** How large tables and indexes are once every index is built anew; in a copy, which is dropped again. */
export async function readRebuiltSizes(
  databaseUrl: string,
  schemas: readonly string[],
): Promise<{ sizes: RelationSize[]; seconds: number }> {
  const [copied, server] = [new URL(databaseUrl), new URL(databaseUrl)];
  copied.pathname = `${copied.pathname}_rebuilt`;
  server.pathname = "/postgres";
  const ask = (sql: string) => withClient(server.href, (db) => db.query(sql));
  const name = copied.pathname.slice(1);
  await ask(`create database ${name} template ${databaseUrl.split("/").at(-1)} strategy file_copy`);
  try {
    const startedAtMs = Date.now();
    await withClient(copied.href, async (db) => {
      await db.query("set maintenance_work_mem = '512MB'");
      for (const schema of schemas) await db.query(`reindex schema ${schema}`);
    });
    const seconds = (Date.now() - startedAtMs) / 1_000;
    return { sizes: await readSizes(copied.href, schemas), seconds };
  } finally {
    await ask(`drop database ${name}`);
  }
}
