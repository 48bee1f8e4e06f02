import type { ClerkUser } from "@rollcall/clerk-simulator";
import type { ProcessName } from "./plan/plan.ts";

/** An account at Clerk, with every version it ever had there. */
export type Account = {
  id: string;
  versions: ClerkUser[];
  /** Milliseconds since the epoch; undefined while it lives. */
  leftAtMs: number | undefined;
  /** Clerk describes it in a form that cannot be read. */
  isPoison: boolean;
};

/** Rollcall took something on: a 2xx for a webhook, or an ensure that queued a sync job. */
export type Acceptance = {
  clerkId: string;
  kind: "refresh" | "provision" | "delete";
  via: "webhook" | "ensure";
  /** What the account looked like when we asked; whoever looks after that sees this or something newer. */
  version: number | undefined;
  /** The account was gone already when we asked. */
  wasGone: boolean;
};

/** A request to one of the apis, answered or not. Times are milliseconds since the epoch. */
export type Call = {
  api: ProcessName;
  what: "webhook" | "ensure";
  about: string;
  fromMs: number;
  toMs: number;
  /** Undefined: no answer. */
  status: number | undefined;
  /** The body of an ensure's answer; why there was none. */
  text: string;
};

/** Something that must never be. */
export type Violation = { invariant: string; what: string; clerkId?: string | undefined };

/** Everything that was done to Rollcall and that it said, as far as a invariant may ask for it. */
export type Ledger = {
  readonly startedAtMs: number;
  readonly accounts: Map<string, Account>;
  readonly acceptances: Acceptance[];
  readonly calls: Call[];
  /** Bodies that were answered with `quarantined`. */
  readonly quarantined: Set<string>;
  /** What was done to each user, and what was answered, in order. */
  readonly stories: Map<string, string[]>;
  tell(clerkId: string, what: string): void;
};

export function createLedger(startedAtMs: number): Ledger {
  const stories = new Map<string, string[]>();
  return {
    startedAtMs,
    accounts: new Map(),
    acceptances: [],
    calls: [],
    quarantined: new Set(),
    stories,
    tell: (clerkId, what) => {
      const story = stories.get(clerkId) ?? [];
      stories.set(clerkId, story);
      story.push(`${String(Date.now() - startedAtMs).padStart(6)} ms  ${what}`);
    },
  };
}

/** An acceptance of what is asked at this moment; to be drawn up before the request leaves. */
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
  };
}
