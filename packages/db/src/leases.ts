import { randomUUID } from "node:crypto";
import type { RunMode } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { serverStart } from "./server-start.ts";

/** The proof that its holder alone runs a mode, until it expires by the clock of Postgres, or another server takes over. */
export type Lease = {
  name: string;
  token: string;
  ttlMs: number;
  /**
   * When the server that gave the lease began. A replica that takes over may lack steps of the holder. Null for a holder
   * that remembers no steps: its lease outlives the server.
   */
  serverStart: string | null;
};

/** The lease of a mode. Dry runs have their own leases. */
export function leaseName(run: { mode: RunMode; dryRun: boolean }): string {
  return run.dryRun ? `${run.mode}.dry-run` : run.mode;
}

const acquire = `
insert into rollcall.leases as l (name, token, expires_at) values ($1, $2, now() + $3 * interval '1 millisecond')
on conflict (name) do update set token = excluded.token, expires_at = excluded.expires_at
where l.expires_at <= now()
returning ${serverStart} as "serverStart"
`;

const serverRow = z.object({ serverStart: z.string() });

/**
 * Takes a lease.
 *
 * @param outlivesServer the holder goes on after a restart of Postgres. Otherwise no process has the lease until it expires
 * @returns undefined while another process holds it
 */
export async function acquireLease(
  db: Queryable,
  name: string,
  ttlMs: number,
  { outlivesServer = false } = {},
): Promise<Lease | undefined> {
  const token = randomUUID();
  const result = await db.query(acquire, [name, token, ttlMs]);
  const [taken] = readRows(serverRow, result.rows);
  return taken && { name, token, ttlMs, serverStart: outlivesServer ? null : taken.serverStart };
}

/** @param first the number of the first parameter of `leaseValues` */
export const holdStatement = (first: number) => `
update rollcall.leases set expires_at = now() + $${first + 2} * interval '1 millisecond'
where name = $${first} and token = $${first + 1} and expires_at > now()
  and coalesce($${first + 3}, ${serverStart}) = ${serverStart}
returning token
`;

export const leaseValues = ({ name, token, ttlMs, serverStart: start }: Lease): unknown[] => [
  name,
  token,
  ttlMs,
  start,
];

const hold = holdStatement(1);

/**
 * Prolongs a lease that is still held, and locks its row until the transaction ends. A process that wants to take the
 * lease then waits for the commit. As the first statement of a transaction it fences all that follows.
 *
 * @returns false if the lease expired, another process holds it, or another server has taken over
 */
export async function holdLease(db: Queryable, lease: Lease): Promise<boolean> {
  return (await db.query({ name: "hold-lease", text: hold, values: leaseValues(lease) })).rows.length > 0;
}

/** Releases a lease, so that no process waits until it expires. */
export async function releaseLease(db: Queryable, { name, token }: Lease): Promise<void> {
  await db.query("update rollcall.leases set expires_at = now() where name = $1 and token = $2", [
    name,
    token,
  ]);
}

/**
 * Writes a row: a lease that is over at once. A server that answers reads may still refuse writes, because it is a replica,
 * read-only, or its disk is full. The row is one for all processes.
 *
 * @returns when the server began, to compare with `findSession`
 * @throws PostgresError
 */
export async function checkWrites(db: Queryable): Promise<string> {
  const { rows } = await db.query(acquire, ["write-check", randomUUID(), 0]);
  return readRow(serverRow, rows).serverStart;
}
