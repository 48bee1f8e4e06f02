import type { ClerkUser } from "@rollcall/clerk-simulator";
import type { ProcessName } from "./plan/process-name.ts";

/** An account at Clerk, with every version that it had there. */
export type Account = {
  id: string;
  versions: ClerkUser[];
  /** Milliseconds since the epoch; undefined while the account exists. */
  leftAtMs: number | undefined;
  /** Clerk describes the user in an unreadable form. */
  isPoison: boolean;
  /** Clerk had it before Rollcall first started, and no act has met it so far. */
  isUntouched?: boolean;
};

/** Work that Rollcall accepted: a 2xx for a webhook, or an ensure that queued a sync job. */
export type Acceptance = {
  clerkId: string;
  kind: "refresh" | "provision" | "delete";
  via: "webhook" | "ensure";
  /** The account's version before the request. A later read of Clerk finds this version or a newer one. */
  version: number | undefined;
  /** The account was already deleted before the request. */
  wasGone: boolean;
  /** The time of the request, in milliseconds since the epoch. */
  atMs: number;
};

/** A membership at Clerk. A pair may have several, one after the other. */
export type Membership = {
  id: string;
  versions: { updatedAtMs: number; role: string }[];
  endedAtMs: number | undefined;
};

/** An organization, or the pair of a membership, by its name. `version`: see `Acceptance`. */
export type TeamAcceptance = {
  name: string;
  kind: "refresh" | "delete";
  /** Of a membership, the one that the pair had. */
  membershipId: string | undefined;
  version: number | undefined;
  wasGone: boolean;
  atMs: number;
};

/** An organization at Clerk, with the times of its versions. */
export type Team = { id: string; versions: number[]; goneAtMs: number | undefined };

/** A request to one of the apis. Times are milliseconds since the epoch. */
export type Call = {
  api: ProcessName;
  route: "webhook" | "ensure";
  clerkId: string;
  fromMs: number;
  toMs: number;
  /** Undefined: no answer. */
  status: number | undefined;
  /** The answer's body, or the error if there was no answer. */
  text: string;
};

/** One case in which an invariant did not hold. */
export type Violation = { invariant: string; detail: string; clerkId?: string | undefined };

/** All requests and answers of a run, as the invariants need them. */
export type Ledger = {
  readonly startedAtMs: number;
  readonly accounts: Map<string, Account>;
  readonly acceptances: Acceptance[];
  readonly calls: Call[];
  /** By their ids. */
  readonly teams: Map<string, Team>;
  /** By organization and user, oldest first. */
  readonly memberships: Map<string, Membership[]>;
  readonly teamAcceptances: TeamAcceptance[];
  /** Bodies that were answered with `quarantined`. */
  readonly quarantined: Set<string>;
  /** By Clerk id: the user's changes, requests and answers, in order. */
  readonly histories: Map<string, string[]>;
  note(clerkId: string, line: string): void;
};

export function createLedger(startedAtMs: number): Ledger {
  const histories = new Map<string, string[]>();
  const accounts = new Map<string, Account>();
  return {
    startedAtMs,
    accounts,
    acceptances: [],
    calls: [],
    teams: new Map(),
    memberships: new Map(),
    teamAcceptances: [],
    quarantined: new Set(),
    histories,
    note: (clerkId, line) => {
      const account = accounts.get(clerkId);
      if (account?.isUntouched) account.isUntouched = false;
      const history = histories.get(clerkId) ?? [];
      histories.set(clerkId, history);
      history.push(`${String(Date.now() - startedAtMs).padStart(6)} ms  ${line}`);
    },
  };
}

/** The acceptance of a request, if it succeeds. Call this before the request is sent. */
export function draftAcceptance(
  ledger: Ledger,
  clerkId: string,
  kind: Acceptance["kind"],
  via: Acceptance["via"],
): Acceptance {
  const account = ledger.accounts.get(clerkId);
  return {
    clerkId,
    kind,
    via,
    version: account?.versions.at(-1)?.updated_at,
    wasGone: account?.leftAtMs !== undefined,
    atMs: Date.now(),
  };
}

/** The same for an organization or a pair. */
export function draftTeamAcceptance(
  { teams, memberships }: Ledger,
  name: string,
  kind: TeamAcceptance["kind"],
): TeamAcceptance {
  const team = teams.get(name);
  const last = memberships.get(name)?.at(-1);
  return {
    name,
    kind,
    membershipId: last?.id,
    version: team?.versions.at(-1) ?? last?.versions.at(-1)?.updatedAtMs,
    wasGone: team?.goneAtMs !== undefined || last?.endedAtMs !== undefined,
    atMs: Date.now(),
  };
}
