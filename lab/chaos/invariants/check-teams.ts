import type { Ledger, TeamAcceptance, Violation } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";
import type { MemberRow, TeamRow, Teams } from "./team-rows.ts";

/** See `checkAcceptances`. A membership may have ended with its user or its organization. */
export function checkTeamAcceptances(
  ledger: Ledger,
  accepted: readonly TeamAcceptance[],
  { organizations, memberships }: Teams,
): Violation[] {
  return accepted.flatMap((acceptance) => {
    const { name, kind, version } = acceptance;
    const detail = ledger.teams.has(name)
      ? checkTeam(ledger, acceptance, organizations.get(name))
      : checkMember(ledger, acceptance, memberships.get(name));
    return detail === undefined
      ? []
      : [
          {
            invariant: "nothing accepted is lost",
            detail: `a ${kind} was accepted when Clerk had version ${version}, and ${detail}`,
            clerkId: name,
          },
        ];
  });
}

function checkTeam(
  { teams }: Ledger,
  { name, kind, version }: TeamAcceptance,
  row: TeamRow | undefined,
): string | undefined {
  if (row?.isDeleted) return undefined;
  if (kind === "delete") return `there is ${row ? "a live row" : "no tombstone"}`;
  if (version === undefined || teams.get(name)?.goneAtMs !== undefined) return undefined;
  if (!row?.hasRow) return "there is no row";
  return (row.updatedAtMs ?? 0) >= version ? undefined : `the row has version ${row.updatedAtMs}`;
}

function checkMember(
  { memberships }: Ledger,
  { name, kind, membershipId, version, wasGone }: TeamAcceptance,
  row: MemberRow | undefined,
): string | undefined {
  const all = memberships.get(name) ?? [];
  const place = (id: string | null | undefined) => all.findIndex((one) => one.id === id);
  const isNewer = place(row?.membershipId) > place(membershipId);
  if (kind === "delete") {
    const isLive = row?.role != null && !isNewer && wasGone;
    return isLive ? `the membership ${row.membershipId} goes on` : undefined;
  }
  // Clerk lacks what ended since.
  if (version === undefined || wasGone || all[place(membershipId)]?.endedAtMs !== undefined) return undefined;
  if (isNewer) return undefined;
  if (row?.role == null) return "there is no row";
  return (row.updatedAtMs ?? 0) >= version ? undefined : `the row has version ${row.updatedAtMs}`;
}

/** Compares all rows with the organizations and memberships at Clerk, after everything was healed. */
export async function checkTeamsEnd(
  { clerk }: Pick<Stage, "clerk">,
  { organizations, memberships }: Teams,
): Promise<Violation[]> {
  const everything = { limit: 1_000_000 };
  const teams = new Map((await clerk.organizations.list(everything)).map((one) => [one.id, one]));
  const members = new Map(
    (await clerk.memberships.list(everything)).map((one) => [
      `${one.organization.id} ${one.public_user_data.user_id}`,
      one,
    ]),
  );
  const ofTeams = [...new Set([...teams.keys(), ...organizations.keys()])].flatMap((id) => {
    const [row, at] = [organizations.get(id), teams.get(id)];
    if (!at) return row?.hasRow && !row.isDeleted ? [broken(id, "left Clerk and has a live row")] : [];
    if (!row?.hasRow || row.isDeleted) return [broken(id, row ? "is at Clerk and deleted" : "has no row")];
    const expected = {
      ...{ name: at.name, slug: at.slug, imageUrl: at.image_url, membersCount: at.members_count },
      ...{ updatedAtMs: at.updated_at, isHeld: false },
    };
    return Object.entries(expected).flatMap(([field, value]) =>
      Reflect.get(row, field) === value
        ? []
        : [broken(id, `${field} is ${Reflect.get(row, field)} and not ${value}`)],
    );
  });
  const ofMembers = [...new Set([...members.keys(), ...memberships.keys()])].flatMap((pair) => {
    const [row, at] = [memberships.get(pair), members.get(pair)];
    if (row?.role != null && (row.isEnded || row.membershipId === null))
      return [broken(pair, "ended and has a row")];
    if (row?.isHeld && at) return [broken(pair, "is at Clerk, and its end is held")];
    return (row?.role ?? null) === (at?.role ?? null)
      ? []
      : [broken(pair, `has the role ${row?.role} and at Clerk ${at?.role}`)];
  });
  return [...ofTeams, ...ofMembers];
}

function broken(clerkId: string, detail: string): Violation {
  return { invariant: "rows equal Clerk field by field", detail, clerkId };
}
