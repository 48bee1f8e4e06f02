import type { ClerkMembership, ClerkOrganization, RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import type { Ledger, Membership } from "../ledger.ts";
import { type Message, writeTeamMessage } from "./messages.ts";

export const namePair = (clerkOrgId: string, clerkId: string): string => `${clerkOrgId} ${clerkId}`;

/**
 * The plan's organizations and memberships at Clerk, with the webhook of each change. An organization that was deleted comes
 * back under a new id. All names hold the words that `findCanaries` looks for.
 */
export function createClerkTeams(clerk: RemoteClerkSimulator, ledger: Ledger, seed: number) {
  const silent = { silent: true };
  const generations = new Map<number, number>();
  const idOf = (team: number) => `org_s${seed}t${team}g${generations.get(team) ?? 0}`;

  function findTeam(team: number) {
    const found = ledger.teams.get(idOf(team));
    return found?.goneAtMs === undefined ? found : undefined;
  }

  function findMember(clerkOrgId: string, clerkId: string): Membership | undefined {
    const last = ledger.memberships.get(namePair(clerkOrgId, clerkId))?.at(-1);
    return last?.endedAtMs === undefined ? last : undefined;
  }

  function organizationMessage(type: "created" | "updated", made: ClerkOrganization): Message {
    ledger.note(made.id, `at Clerk: ${type}, updated_at ${made.updated_at}`);
    ledger.teams.get(made.id)?.versions.push(made.updated_at);
    return writeTeamMessage(`organization.${type}`, made.id, made, Date.now());
  }

  async function make(team: number, number: number): Promise<Message[]> {
    const known = findTeam(team);
    const name = `Canaria Serinus ${number}`;
    if (known)
      return [organizationMessage("updated", await clerk.organizations.update(known.id, { name }, silent))];
    if (ledger.teams.has(idOf(team))) generations.set(team, (generations.get(team) ?? 0) + 1);
    const id = idOf(team);
    ledger.teams.set(id, { id, versions: [], goneAtMs: undefined });
    const slug = `canaria-${team}-${number}`;
    return [organizationMessage("created", await clerk.organizations.create({ id, name, slug }, silent))];
  }

  async function remove(team: number): Promise<Message[]> {
    const known = findTeam(team);
    if (!known) return [];
    await clerk.organizations.delete(known.id, silent);
    known.goneAtMs = Date.now();
    for (const [pair, all] of ledger.memberships) if (pair.startsWith(`${known.id} `)) endLast(all);
    ledger.note(known.id, "at Clerk: deleted");
    return [
      writeTeamMessage(
        "organization.deleted",
        known.id,
        { object: "organization", id: known.id, deleted: true },
        Date.now(),
      ),
    ];
  }

  function membershipMessage(type: "created" | "updated", clerkId: string, made: ClerkMembership): Message {
    const pair = namePair(made.organization.id, clerkId);
    const version = { updatedAtMs: made.updated_at, role: made.role };
    const all = ledger.memberships.get(pair) ?? [];
    ledger.memberships.set(pair, all);
    const known = all.find(({ id }) => id === made.id);
    if (known) known.versions.push(version);
    else all.push({ id: made.id, versions: [version], endedAtMs: undefined });
    ledger.note(pair, `at Clerk: ${made.id} ${type} as ${made.role}, updated_at ${made.updated_at}`);
    return writeTeamMessage(`organizationMembership.${type}`, pair, made, Date.now());
  }

  async function join(team: number, clerkId: string, role: string): Promise<Message[]> {
    const own = findTeam(team);
    if (!own) return [];
    if (findMember(own.id, clerkId))
      return [
        membershipMessage(
          "updated",
          clerkId,
          await clerk.memberships.update(own.id, clerkId, { role }, silent),
        ),
      ];
    return [
      membershipMessage(
        "created",
        clerkId,
        await clerk.memberships.create(own.id, clerkId, { role }, silent),
      ),
    ];
  }

  async function part(team: number, clerkId: string): Promise<Message[]> {
    const own = findTeam(team);
    const member = own && findMember(own.id, clerkId);
    if (!own || !member) return [];
    const last = await clerk.memberships.find(own.id, clerkId);
    await clerk.memberships.delete(own.id, clerkId, silent);
    const pair = namePair(own.id, clerkId);
    endLast(ledger.memberships.get(pair) ?? []);
    ledger.note(pair, `at Clerk: ${member.id} ended`);
    return [writeTeamMessage("organizationMembership.deleted", pair, last, Date.now())];
  }

  return { make, remove, join, part };
}

function endLast(all: readonly Membership[]): void {
  const last = all.at(-1);
  if (last && last.endedAtMs === undefined) last.endedAtMs = Date.now();
}

/** The memberships of a user that left ended with it. */
export function endMembershipsOf({ memberships }: Ledger, clerkId: string): void {
  for (const [pair, all] of memberships) if (pair.endsWith(` ${clerkId}`)) endLast(all);
}
