import { openFullSync } from "../../bench/load/full-syncs.ts";
import type { Services } from "../../bench/stage/services.ts";
import { setStage } from "../../bench/stage/stage.ts";
import { withClient } from "../../chaos/stage/with-client.ts";

const stepMs = 1_000;
/** Nobody signed up yesterday: the hook's outbox would hold them, which is no matter of size. */
const newestAgeMs = 2 * 86_400_000;

/** A worker's first boot reads everybody at the simulator. @throws Error unless it wrote them all */
export async function fillByFullSync(
  services: Services,
  users: number,
): Promise<{ databaseUrl: string; seconds: number }> {
  const stage = await setStage({ services, backend: "redis", users: 0 });
  try {
    const { databaseUrl, clerk } = stage;
    await clerk.users.seed(users, { firstCreatedAtMs: Date.now() - newestAgeMs - users * stepMs, stepMs });
    await stage.startApp("worker");
    const startedAtMs = Date.now();
    const sweeps = await openFullSync(stage);
    const seconds = (Date.now() - startedAtMs) / 1_000;
    await sweeps.close();
    await withClient(databaseUrl, async (db) => {
      const { rows } = await db.query<{ count: number }>("select count(*)::int as count from public.users");
      if (rows[0]?.count !== users)
        throw new Error(`${users} users should be there, and are ${rows[0]?.count}`);
      await db.query("vacuum analyze");
    });
    return { databaseUrl, seconds };
  } finally {
    await stage.close();
  }
}
