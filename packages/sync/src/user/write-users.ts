import { AppError } from "@rollcall/contracts";
import type { Pool, ProfileDefaults, ProfileOutcome, UserSnapshot } from "@rollcall/db";
import DataLoader from "dataloader";
import { applyBatch, type UserWrite } from "./apply-batch.ts";

/** Writes one user, together with whoever else is written at this moment. @throws AppError */
export type UserWriter = (write: UserWrite) => Promise<ProfileOutcome>;

const windowMs = 2;
const maxUsersPerWrite = 200;

/** Coalesces up to 200 concurrent writes, gathered over 2 ms, into one transaction. */
export function createUserWriter(pool: Pool, defaults: ProfileDefaults): UserWriter {
  const loader = new DataLoader<UserWrite, ProfileOutcome>(
    (writes) => writeTogether(pool, writes, defaults),
    {
      cache: false,
      maxBatchSize: maxUsersPerWrite,
      batchScheduleFn: (run) => setTimeout(run, windowMs),
    },
  );
  return (write) => loader.load(write);
}

async function writeTogether(
  pool: Pool,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<(ProfileOutcome | Error)[]> {
  const outcomes = await applyBatch(pool, newestOfEach(writes), defaults);
  return writes.map(
    ({ snapshot }) =>
      outcomes.get(snapshot.clerkId) ?? new AppError("internal", "A write returned no outcome for an id"),
  );
}

/** Two jobs may hold one user at once; a statement may not, so the newest snapshot speaks for all. */
function newestOfEach(writes: readonly UserWrite[]): UserWrite[] {
  const newest = new Map<string, UserWrite>();
  for (const write of writes) {
    const rival = newest.get(write.snapshot.clerkId);
    if (!rival || isNewer(write.snapshot, rival.snapshot)) newest.set(write.snapshot.clerkId, write);
  }
  return [...newest.values()];
}

function isNewer(a: UserSnapshot, b: UserSnapshot): boolean {
  return a.clerkUpdatedAtMs === b.clerkUpdatedAtMs
    ? a.readTicket > b.readTicket
    : a.clerkUpdatedAtMs > b.clerkUpdatedAtMs;
}
