import { waitFor } from "../../tests/harness/wait-for.ts";
import { withClient } from "./postgres.ts";

const token = "00000000-0000-4000-8000-00000000c4a0";

const take = `
insert into rollcall.leases (name, token, expires_at) values ('full', $1, 'infinity'), ('catch-up', $1, 'infinity')
on conflict (name) do update set token = excluded.token, expires_at = excluded.expires_at
`;

/** Takes the leases of both modes, so that requested runs wait until `releaseReconcileLeases`. */
export async function takeReconcileLeases(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, (db) => db.query(take, [token]));
}

/** Lets the waiting runs start. */
export async function releaseReconcileLeases(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, (db) =>
    db.query("update rollcall.leases set expires_at = now() where token = $1", [token]),
  );
}

/** Waits for the first boot's full sync. If it ran during the faults, it would repair the loss of sync jobs. */
export function untilFirstFullSync(databaseUrl: string): Promise<unknown> {
  return waitFor(
    "the first boot's full sync",
    () =>
      withClient(databaseUrl, async (db) => {
        const { rows } = await db.query(
          "select from rollcall.runs where mode = 'full' and finished_at is not null limit 1",
        );
        return rows[0];
      }),
    60_000,
  );
}
