import { waitFor } from "../../../tests/harness/wait-for.ts";
import { withClient } from "./with-client.ts";

const token = "00000000-0000-4000-8000-00000000c4a0";

const hold = `
insert into rollcall.leases (name, token, expires_at) values ('full', $1, 'infinity'), ('catch-up', $1, 'infinity')
on conflict (name) do update set token = excluded.token, expires_at = excluded.expires_at
`;

/** Takes the leases of both modes: as long as we have them nothing is reconciled, however many runs are asked for. */
export async function holdReconcile(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, (db) => db.query(hold, [token]));
}

/** Lets the runs begin that wait for a lease. */
export async function releaseReconcile(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, (db) =>
    db.query("update rollcall.leases set expires_at = now() where token = $1", [token]),
  );
}

/** The first boot's sweep would else look at everybody whenever the faults let it. */
export function untilFirstFullSync(databaseUrl: string): Promise<unknown> {
  return waitFor(
    "the first boot's sweep",
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
