import type { ClerkOrganization } from "@rollcall/clerk-simulator";
import { type Ledger, type Membership, nameOf } from "./clerk-side.ts";
import type { Change, MembershipState, OrganizationRow, OrganizationState } from "./recorder.ts";

/** The invariants that one write broke, as sentences. @param keys the Clerk ids of rows, see `readKeys` */
export function checkChange(ledger: Ledger, keys: ReadonlyMap<string, string>, change: Change): string[] {
  switch (change.of) {
    case "organizations":
      return checkOrganization(ledger, change.after);
    case "organization_states":
      return checkOrganizationState(ledger, change.before, change.after);
    case "membership_states":
      return checkMembershipState(ledger, change.before, change.after);
    case "organization_memberships": {
      if (change.after === null) return [];
      const { organization_id, user_id, role } = change.after;
      const pair = nameOf(
        keys.get(`organization ${organization_id}`) ?? "?",
        keys.get(`user ${user_id}`) ?? "?",
      );
      const versions = (ledger.memberships.get(pair) ?? []).flatMap((one) => one.versions);
      return brokenOf(pair, { "a role is of no version": !versions.some((one) => one.role === role) });
    }
    default:
      return change satisfies never;
  }
}

function checkOrganization({ teams }: Ledger, after: OrganizationRow | null): string[] {
  if (after === null) return ["the row of an organization was removed"];
  const versions = teams.get(after.clerk_org_id)?.versions ?? [];
  if (after.deleted_at !== null)
    return brokenOf(after.clerk_org_id, { "a tombstone has a slug": after.slug !== null });
  const isVersion = versions.some((version) => differences(after, version).length === 0);
  return brokenOf(after.clerk_org_id, { "the row is no version that Clerk ever had": !isVersion });
}

function checkOrganizationState(
  { teams }: Ledger,
  before: OrganizationState | null,
  after: OrganizationState | null,
): string[] {
  if (after === null) return ["the state of an organization was removed"];
  const isDeleted = after.deleted_at !== null && before?.deleted_at == null;
  return brokenOf(after.clerk_org_id, {
    "a tombstone changed": before?.deleted_at != null && before.deleted_at !== after.deleted_at,
    "a living organization was deleted": isDeleted && teams.get(after.clerk_org_id)?.isGone !== true,
    "the order marks went back": before !== null && wentBack(before, after),
  });
}

function checkMembershipState(
  { memberships }: Ledger,
  before: MembershipState | null,
  after: MembershipState | null,
): string[] {
  if (after === null) return ["the state of a membership was removed"];
  const pair = nameOf(after.clerk_org_id, after.clerk_id);
  const all = memberships.get(pair) ?? [];
  const own = all.find(({ id }) => id === after.membership_id);
  const isSame = before !== null && before.membership_id === after.membership_id;
  const isEnded = after.deleted_at !== null && (before?.deleted_at == null || !isSame);
  return brokenOf(pair, {
    "the membership is of another pair": after.membership_id !== null && own === undefined,
    "an ended membership goes on":
      isSame && before.deleted_at !== null && after.deleted_at === null && own !== undefined,
    "a membership that goes on was ended": isEnded && own?.endedAtMs === null,
    "an older membership won": before !== null && isOlder(all, after.membership_id, before.membership_id),
    "the order marks went back": isSame && wentBack(before, after),
  });
}

function isOlder(all: readonly Membership[], id: string | null, than: string | null): boolean {
  const place = (one: string | null) => all.findIndex((membership) => membership.id === one);
  return place(id) < place(than);
}

type Marks = { clerk_updated_at: number | null; read_ticket: number | null };

function wentBack(before: Marks, after: Marks): boolean {
  const [was, is] = [before.clerk_updated_at ?? -1, after.clerk_updated_at ?? -1];
  return is < was || (is === was && (after.read_ticket ?? 0) < (before.read_ticket ?? 0));
}

/** The columns of a live row that differ from a version of Clerk's. */
export function differences(row: OrganizationRow, version: ClerkOrganization): string[] {
  const expected = {
    name: storable(version.name),
    slug: version.slug,
    image_url: version.image_url,
    clerk_created_at: version.created_at,
    clerk_updated_at: version.updated_at,
  };
  return Object.entries(expected).flatMap(([column, value]) =>
    Reflect.get(row, column) === value ? [] : [column],
  );
}

/** Postgres stores no NUL, and UTF-8 has no lone surrogate. */
function storable(text: string): string {
  return [...text]
    .map((point) => (/[\0\uD800-\uDFFF]/.test(point) && point.length === 1 ? "\uFFFD" : point))
    .join("");
}

function brokenOf(subject: string, invariants: Record<string, boolean>): string[] {
  return Object.keys(invariants).flatMap((invariant) =>
    invariants[invariant] ? [`${subject}: ${invariant}`] : [],
  );
}

/** The rows after one run for everything. */
export type End = {
  organizations: readonly OrganizationRow[];
  /** Roles by pair. */
  memberships: ReadonlyMap<string, string | null>;
};

/** @returns what differs from Clerk */
export function checkEnd({ teams, memberships }: Ledger, end: End): string[] {
  const rowOf = new Map(end.organizations.map((row) => [row.clerk_org_id, row]));
  const ofTeams = [...teams.values()].flatMap(({ id, versions, isGone }) => {
    const row = rowOf.get(id);
    if (isGone) return brokenOf(id, { "is absent at Clerk and has a live row": row?.deleted_at === null });
    const last = versions.at(-1);
    if (!row || !last) return [`${id}: has no row`];
    return [
      ...differences(row, last).map((column) => `${id}: ${column} differs from Clerk`),
      ...brokenOf(id, {
        "is at Clerk and deleted": row.deleted_at !== null,
        "members_count differs from Clerk": row.members_count !== countMembers(memberships, id),
      }),
    ];
  });
  const expected = new Map(
    [...memberships].flatMap(([pair, all]) => {
      const last = all.at(-1);
      return last?.endedAtMs === null ? [[pair, last.versions.at(-1)?.role ?? null] as const] : [];
    }),
  );
  const pairs = new Set([...expected.keys(), ...end.memberships.keys()]);
  const ofPairs = [...pairs].flatMap((pair) => {
    const [at, is] = [expected.get(pair), end.memberships.get(pair)];
    return at === is ? [] : [`${pair}: has the role ${is} and at Clerk ${at}`];
  });
  return [
    ...[...rowOf.keys()].filter((id) => !teams.has(id)).map((id) => `${id}: is not at Clerk`),
    ...ofTeams,
    ...ofPairs,
  ];
}

function countMembers(memberships: Ledger["memberships"], clerkOrgId: string): number {
  return [...memberships].filter(
    ([pair, all]) => pair.startsWith(`${clerkOrgId} `) && all.at(-1)?.endedAtMs === null,
  ).length;
}
