import type { ClerkMembership, ClerkOrganization, ClerkSimulator } from "@rollcall/clerk-simulator";
import type { ClerkStep } from "./history.ts";

/** A membership with every version that it ever had at Clerk. */
export type Membership = { id: string; versions: ClerkMembership[]; endedAtMs: number | null };
export type Team = { id: string; versions: ClerkOrganization[]; isGone: boolean };

/** What Clerk ever had. Memberships are those of one pair, oldest first; at most the last one goes on. */
export type Ledger = {
  users: Map<string, { isGone: boolean }>;
  teams: Map<string, Team>;
  memberships: Map<string, Membership[]>;
};

export const nameOf = (clerkOrgId: string, clerkId: string): string => `${clerkOrgId} ${clerkId}`;

const readable = "org:member";

/** People and teams by their places. After a deletion, the same place gets a new id. */
export function createClerkSide(clerk: ClerkSimulator, now: () => number, run: number) {
  const ledger: Ledger = { users: new Map(), teams: new Map(), memberships: new Map() };
  const lastUser = new Map<number, number>();
  const lastTeam = new Map<number, number>();

  const userId = (person: number, isFormer = false) =>
    `user_${run}p${person}g${Math.max(0, (lastUser.get(person) ?? 0) - (isFormer ? 1 : 0))}`;
  const teamId = (team: number, isFormer = false) =>
    `org_${run}t${team}g${Math.max(0, (lastTeam.get(team) ?? 0) - (isFormer ? 1 : 0))}`;

  async function signUp(person: number): Promise<string> {
    if (ledger.users.get(userId(person))?.isGone) lastUser.set(person, (lastUser.get(person) ?? 0) + 1);
    const id = userId(person);
    if (ledger.users.has(id)) return id;
    await clerk.users.create({ id }, { silent: true });
    ledger.users.set(id, { isGone: false });
    return id;
  }

  async function leave(person: number): Promise<void> {
    const id = userId(person);
    const user = ledger.users.get(id);
    if (!user || user.isGone) return;
    await clerk.users.delete(id, { silent: true });
    user.isGone = true;
    endAll((pair) => pair.endsWith(` ${id}`));
  }

  async function makeTeam(team: number, name = "Team"): Promise<string> {
    if (ledger.teams.get(teamId(team))?.isGone) lastTeam.set(team, (lastTeam.get(team) ?? 0) + 1);
    const id = teamId(team);
    if (ledger.teams.has(id)) return id;
    const made = await clerk.organizations.create({ id, name }, { silent: true });
    ledger.teams.set(id, { id, versions: [made], isGone: false });
    return id;
  }

  async function changeTeam(team: number, name: string, keepUpdatedAt: boolean): Promise<void> {
    const isNew = !ledger.teams.has(teamId(team)) || ledger.teams.get(teamId(team))?.isGone === true;
    const id = await makeTeam(team, name);
    if (isNew) return;
    const patch = { name, imageUrl: `https://img.test/${now()}` };
    const changed = await clerk.organizations.update(id, patch, { silent: true, keepUpdatedAt });
    ledger.teams.get(id)?.versions.push(changed);
  }

  async function removeTeam(team: number): Promise<void> {
    const own = ledger.teams.get(teamId(team));
    if (!own || own.isGone) return;
    await clerk.organizations.delete(own.id, { silent: true });
    own.isGone = true;
    endAll((pair) => pair.startsWith(`${own.id} `));
  }

  function endAll(isOne: (pair: string) => boolean): void {
    for (const [pair, all] of ledger.memberships) if (isOne(pair)) end(all);
  }

  function end(all: readonly Membership[]): void {
    const last = all.at(-1);
    if (last && last.endedAtMs === null) last.endedAtMs = now();
  }

  async function join(
    team: number,
    person: number,
    role: string | null,
    keepUpdatedAt: boolean,
  ): Promise<void> {
    const [org, user] = [await makeTeam(team), await signUp(person)];
    const patch = { role: role ?? readable, raw: { role } };
    const live = liveMembership(org, user);
    if (live) {
      live.versions.push(await clerk.memberships.update(org, user, patch, { silent: true, keepUpdatedAt }));
      return;
    }
    const made = await clerk.memberships.create(org, user, patch, { silent: true });
    const pair = nameOf(org, user);
    const all = ledger.memberships.get(pair) ?? [];
    ledger.memberships.set(pair, [...all, { id: made.id, versions: [made], endedAtMs: null }]);
  }

  async function part(team: number, person: number): Promise<void> {
    const [org, user] = [teamId(team), userId(person)];
    if (!liveMembership(org, user)) return;
    await clerk.memberships.delete(org, user, { silent: true });
    end(ledger.memberships.get(nameOf(org, user)) ?? []);
  }

  function liveMembership(clerkOrgId: string, clerkId: string): Membership | undefined {
    const last = ledger.memberships.get(nameOf(clerkOrgId, clerkId))?.at(-1);
    return last?.endedAtMs === null ? last : undefined;
  }

  async function perform(step: ClerkStep): Promise<void> {
    switch (step.clerk) {
      case "sign-up":
        await signUp(step.person);
        return;
      case "leave":
        return leave(step.person);
      case "team":
        return changeTeam(step.team, step.name, step.keepStamp);
      case "team-gone":
        return removeTeam(step.team);
      case "join":
        return join(step.team, step.person, step.role, step.keepStamp);
      case "part":
        return part(step.team, step.person);
      case "rejoin":
        await part(step.team, step.person);
        return join(step.team, step.person, step.role, false);
      default:
        return step satisfies never;
    }
  }

  /** Gives each member a role that can be read. */
  async function mendRoles(): Promise<void> {
    for (const [pair, all] of ledger.memberships) {
      const [org = "", user = ""] = pair.split(" ");
      if (all.at(-1)?.endedAtMs !== null || all.at(-1)?.versions.at(-1)?.role !== null) continue;
      const patch = { role: readable, raw: { role: readable } };
      all.at(-1)?.versions.push(await clerk.memberships.update(org, user, patch, { silent: true }));
    }
  }

  return { ledger, perform, mendRoles, userId, teamId, liveMembership };
}
