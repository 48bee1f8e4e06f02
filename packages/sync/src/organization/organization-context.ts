import {
  type ClerkGateway,
  type MembershipPair,
  type MembershipResult,
  maxIdsPerRead,
  maxMembersPerConfirmation,
  type OrganizationResult,
} from "@rollcall/clerk";
import type { AppError } from "@rollcall/contracts";
import {
  applyMemberships,
  applyOrganizations,
  inTransaction,
  type MembershipOutcome,
  type MembershipSnapshot,
  nameMembership,
  type OrganizationOutcome,
  type OrganizationSnapshot,
  type Pool,
  splitOnRefusal,
} from "@rollcall/db";
import type { OrganizationJob } from "@rollcall/jobs";
import {
  createCoalescedReader,
  getReadable,
  type ReaderOptions,
  type Sequenced,
} from "../coalesce/coalesced-reader.ts";
import { createCoalescedWriter, isNewerRead, toRefusal } from "../coalesce/coalesced-writer.ts";
import { readDistinct, type Unreadable } from "../coalesce/read-distinct.ts";
import type { ChangeOrigin } from "../user/rules.ts";
import type { SyncContext } from "../user/sync-user.ts";

/**
 * Reads and writes of one organization or membership, each together with the others of this moment. Reads throw for what
 * cannot be read. A membership may first refresh its user: see `SyncContext`.
 */
export type OrganizationContext = Pick<SyncContext, "pool" | "sessionCache"> & {
  readOrganization: (clerkOrgId: string) => Promise<Sequenced<Exclude<OrganizationResult, Unreadable>>>;
  readMembership: (pair: MembershipPair) => Promise<Sequenced<Exclude<MembershipResult, Unreadable>>>;
  writeOrganization: (snapshot: OrganizationSnapshot) => Promise<OrganizationOutcome>;
  writeMembership: (snapshot: MembershipSnapshot) => Promise<MembershipOutcome>;
  /** Brings a user up to date, as a sync job does. */
  refreshUser: (clerkId: string, job: OrganizationJob, attempt: number) => Promise<unknown>;
};

type OrganizationClerk = Pick<
  ClerkGateway,
  "readOrganization" | "readOrganizations" | "readMembership" | "readMemberships" | "countUsers"
>;

const organizationNames = { one: "organization", many: "organizations" };
const membershipNames = { one: "membership", many: "memberships" };
/** A worker has at most so many jobs of a queue at once, and mostly they are of few organizations. */
const maxPairsPerRead = 500;

/** @param clerk its lists by ids serve several jobs in one request */
export function createOrganizationContext(
  { pool, sessionCache, refreshUser }: Pick<OrganizationContext, "pool" | "sessionCache" | "refreshUser">,
  clerk: OrganizationClerk,
  options: ReaderOptions = {},
): OrganizationContext {
  const textOf = (id: string) => id;
  const organizations = {
    ...{ clerk, textOf },
    readTogether: (ids: readonly string[]) => clerk.readOrganizations(ids),
    readOne: (id: string) => clerk.readOrganization(id),
  };
  const readOrganization = createCoalescedReader(
    pool,
    organizationNames,
    {
      maxKeys: maxIdsPerRead,
      textOf,
      readKeys: (ids: readonly string[]) => readDistinct(organizations, ids),
    },
    options,
  );
  const readMembership = createCoalescedReader(
    pool,
    membershipNames,
    {
      maxKeys: maxPairsPerRead,
      textOf: nameMembership,
      readKeys: (pairs: readonly MembershipPair[]) => readPairs(clerk, pairs),
    },
    options,
  );
  const { tracing } = options;
  return {
    pool,
    sessionCache,
    refreshUser,
    readOrganization: async (id) => getReadable(await readOrganization(id)),
    readMembership: async (pair) => getReadable(await readMembership(pair)),
    writeOrganization: createCoalescedWriter<OrganizationSnapshot, OrganizationOutcome>(
      organizationNames,
      {
        keyOf: ({ clerkOrgId }) => clerkOrgId,
        isNewer: isNewerRead,
        write: (snapshots) => writeOrganizations(pool, snapshots),
      },
      tracing,
    ),
    writeMembership: createCoalescedWriter<MembershipSnapshot, MembershipOutcome>(
      membershipNames,
      {
        keyOf: nameMembership,
        isNewer: isNewerMembership,
        write: (snapshots) => writeMemberships(pool, snapshots),
      },
      tracing,
    ),
  };
}

/** Reads the pairs of each organization in one list. The organizations are asked for at once. */
async function readPairs(
  clerk: OrganizationClerk,
  pairs: readonly MembershipPair[],
): Promise<Map<string, MembershipResult>> {
  const parts = new Map<string, MembershipPair[]>();
  for (const pair of pairs) parts.set(pair.clerkOrgId, [...(parts.get(pair.clerkOrgId) ?? []), pair]);
  const results = await Promise.all(
    [...parts].flatMap(([clerkOrgId, own]) => {
      const reads = {
        ...{ clerk, textOf: nameMembership },
        readOne: (pair: MembershipPair) => clerk.readMembership(pair),
        readTogether: async (part: readonly MembershipPair[]) => {
          const ids = part.map(({ clerkId }) => clerkId);
          const read = await clerk.readMemberships(clerkOrgId, ids);
          return new Map([...read].map(([clerkId, one]) => [nameMembership({ clerkOrgId, clerkId }), one]));
        },
      };
      return chunk(own, maxMembersPerConfirmation).map((part) => readDistinct(reads, part));
    }),
  );
  return new Map(results.flatMap((part) => [...part]));
}

function chunk<Item>(items: readonly Item[], size: number): Item[][] {
  const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, index) => index * size);
  return starts.map((start) => items.slice(start, start + size));
}

async function writeOrganizations(pool: Pool, snapshots: readonly OrganizationSnapshot[]) {
  const parts = await splitOnRefusal<OrganizationSnapshot, Map<string, OrganizationOutcome | AppError>>(
    snapshots,
    (part) => inTransaction(pool, (client) => applyOrganizations(client, part)),
    ({ clerkOrgId }, error) => new Map([[clerkOrgId, toRefusal(error)]]),
  );
  return new Map(parts.flatMap((part) => [...part]));
}

async function writeMemberships(pool: Pool, snapshots: readonly MembershipSnapshot[]) {
  const parts = await splitOnRefusal<MembershipSnapshot, Map<string, MembershipOutcome | AppError>>(
    snapshots,
    (part) => inTransaction(pool, (client) => applyMemberships(client, part)),
    (snapshot, error) => new Map([[nameMembership(snapshot), toRefusal(error)]]),
  );
  return new Map(parts.flatMap((part) => [...part]));
}

/** The order of two reads of a pair, as `applyMemberships` has it: see its `isNewer`. */
function isNewerMembership(one: MembershipSnapshot, other: MembershipSnapshot): boolean {
  if (one.membershipId === other.membershipId) return isNewerRead(one, other);
  const [oneMs, otherMs] = [one.clerkCreatedAtMs, other.clerkCreatedAtMs];
  return oneMs !== null && otherMs !== null && oneMs !== otherMs
    ? oneMs > otherMs
    : one.readTicket > other.readTicket;
}

/**
 * The outcome of a job about an organization or a membership. written, unchanged: Clerk has it, and the row did or did not
 * change. tombstoned: it ended now; deleted: it had ended before. absent: Clerk has none, and there is no row. held: it is
 * absent without a signed event, and so are too many others. still_there: Clerk still has what a deletion names.
 * unconfirmed: Clerk's lists lack a membership, and may be older than it. off: the mapping has no organizations.
 */
export type OrganizationSyncOutcome =
  | "written"
  | "unchanged"
  | "tombstoned"
  | "deleted"
  | "absent"
  | "held"
  | "still_there"
  | "unconfirmed"
  | "off";

/** Attempts until an id without a row counts as absent: Clerk's reads may lag behind its writes. */
export const attemptsForAbsence = 4;
/** Attempts until a deletion of what Clerk still has is left to reconcile: a minute, see `decideRetryDelayMs`. */
export const attemptsForDeletion = 5;

export function originOf({ cause, delivery }: OrganizationJob): ChangeOrigin {
  return { cause, ref: delivery ?? null };
}
