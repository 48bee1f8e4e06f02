import { type ClerkGateway, type FetchResult, maxIdsPerRead } from "@rollcall/clerk";
import { readErrorCode } from "@rollcall/contracts";
import type { Pool } from "@rollcall/db";
import type { Tracing } from "@rollcall/observability";
import {
  createCoalescedReader,
  createPlainReader,
  type ReaderOptions,
  type Sequenced,
} from "../coalesce/coalesced-reader.ts";
import { confirmClerkAnswers, readDistinct, readOneByOne } from "../coalesce/read-distinct.ts";
import { confirmAbsence, maxIdsPerConfirmation } from "./confirm-absence.ts";

/** Reads one user at Clerk, together with the other users that are read at this moment. @throws AppError */
export type UserReader = (clerkId: string) => Promise<Sequenced<FetchResult>>;

/** Reads one user that a deletion names, together with the other deletions of this moment. @throws AppError */
export type DeletionReader = (clerkId: string) => Promise<FetchResult>;

const names = { one: "user", many: "users" };
const textOf = (clerkId: string) => clerkId;

/**
 * Coalesces up to 99 concurrent reads, gathered over 2 ms, into one list by ids. Mostly the users are absent, and a list
 * with a sentinel user proves that for all of them. A single user, and users of an answer that proves nothing, are read by
 * their own ids.
 */
export function createDeletionReader(clerk: ClerkGateway, tracing?: Tracing): DeletionReader {
  let sentinel: string | null = null;
  const reads = { clerk, textOf, readOne: (id: string) => clerk.readUser(id) };

  async function readDeleted(ids: readonly string[]): Promise<Map<string, FetchResult>> {
    if (ids.length === 1) return readOneByOne(reads, ids);
    try {
      // A signed event says that these users were there, so an answer of before them is no danger.
      const answer = await confirmAbsence(clerk, ids, sentinel, new Map());
      sentinel = answer.sentinel;
      const present = answer.present.map(({ clerkId, result }) => [clerkId ?? "", result] as const);
      return new Map<string, FetchResult>([
        ...present,
        ...answer.absent.map((id) => [id, { absent: true }] as const),
      ]);
    } catch (error) {
      if (readErrorCode(error) !== "reconcile.unconfirmed") await confirmClerkAnswers(clerk, error);
      return readOneByOne(reads, ids);
    }
  }

  const readAll = async (ids: readonly string[]) => {
    const results = await readDeleted([...new Set(ids)]);
    return ids.map((id) => results.get(id));
  };
  return createPlainReader(names, maxIdsPerConfirmation, readAll, tracing);
}

/** Coalesces up to 100 concurrent reads into one request. A list proves no absence: see `readDistinct`. */
export function createUserReader(clerk: ClerkGateway, pool: Pool, options?: ReaderOptions): UserReader {
  const reads = {
    clerk,
    textOf,
    readTogether: (ids: readonly string[]) => clerk.readUsers(ids),
    readOne: (id: string) => clerk.readUser(id),
  };
  const readKeys = (ids: readonly string[]) => readDistinct(reads, ids);
  return createCoalescedReader(pool, names, { maxKeys: maxIdsPerRead, textOf, readKeys }, options);
}
