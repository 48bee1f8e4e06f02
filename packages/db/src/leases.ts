import { randomUUID } from "node:crypto";
import type { RunMode } from "@rollcall/contracts";
import type { Queryable } from "./pool.ts";

/** The proof that its holder alone runs a mode, until it expires by the clock of Postgres. */
export type Lease = { name: string; token: string; ttlMs: number };

/** The lease of a mode. Dry runs have their own leases. */
export function leaseName(run: { mode: RunMode; dryRun: boolean }): string {
  return run.dryRun ? `${run.mode}.dry-run` : run.mode;
}

const acquire = `
insert into rollcall.leases as l (name, token, expires_at) values ($1, $2, now() + $3 * interval '1 millisecond')
on conflict (name) do update set token = excluded.token, expires_at = excluded.expires_at
where l.expires_at <= now()
returning token
`;

/** Takes a lease. @returns undefined while another process holds it */
export async function acquireLease(db: Queryable, name: string, ttlMs: number): Promise<Lease | undefined> {
  const token = randomUUID();
  const result = await db.query(acquire, [name, token, ttlMs]);
  return result.rows.length > 0 ? { name, token, ttlMs } : undefined;
}

/** @param first the number of the first parameter of `leaseValues` */
export const holdStatement = (first: number) => `
update rollcall.leases set expires_at = now() + $${first + 2} * interval '1 millisecond'
where name = $${first} and token = $${first + 1} and expires_at > now()
returning token
`;

export const leaseValues = ({ name, token, ttlMs }: Lease): unknown[] => [name, token, ttlMs];

const hold = holdStatement(1);

/**
 * Prolongs a lease that is still held, and locks its row until the transaction ends. A process that wants to take the
 * lease then waits for the commit. As the first statement of a transaction it fences all that follows.
 *
 * @returns false if the lease expired or another process holds it
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
 * @throws PostgresError
 */
export async function checkWrites(db: Queryable): Promise<void> {
  await acquireLease(db, "write-check", 0);
}
