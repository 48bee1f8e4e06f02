import type { ClerkControl } from "../control/control.ts";
import { type ClerkUser, findEmail, nameOf } from "../users/clerk-user.ts";
import type { WebhookMessage } from "../webhooks/message-log.ts";
import type { LatestRun, RollcallRow, RollcallRows } from "./rollcall-rows.ts";

/** All that the page shows, in one answer. */
export type PageState = {
  apiUrl: string;
  /**
   * `api`: the parts that `/readyz` reports as missing; null when the api does not answer. `profiles`: whether the app has
   * profiles.
   */
  parts: { api: string[] | null; database: boolean; profiles: boolean };
  runs: LatestRun[];
  switches: { loseNext: boolean; twice: boolean; clerkDown: boolean };
  total: number;
  /** The latest first. */
  people: PersonState[];
  gone: { id: string; name: string; row: RollcallRow | null }[];
};

type PersonState = {
  id: string;
  name: string;
  firstName: string | null;
  lastName: string | null;
  email: string | null;
  banned: boolean;
  createdAtMs: number;
  webhooks: Pick<WebhookMessage, "id" | "type" | "state" | "copies">[];
  row: RollcallRow | null;
  cause: string | null;
};

export type PageStateContext = {
  control: ClerkControl;
  rows: RollcallRows;
  hasProfiles: boolean;
  apiUrl: string;
  causes: ReadonlyMap<string, string>;
  /** The names of users deleted since the start, by id, the latest last. */
  gone: ReadonlyMap<string, string>;
};

const shownPeople = 30;
const shownGone = 8;
const shownWebhooks = 4;
const apiTimeoutMs = 1_500;

/** Reads Clerk's side from the simulator and Rollcall's side from its tables. Does not reject when a part is down. */
export async function readPageState(context: PageStateContext): Promise<PageState> {
  const { control, apiUrl } = context;
  const total = await control.users.count();
  const users = await control.users.list({ offset: Math.max(0, total - shownPeople), limit: shownPeople });
  const gone = [...context.gone].slice(-shownGone).reverse();
  const ids = [...users.map((user) => user.id), ...gone.map(([id]) => id)];
  const [rows, runs, api, disturbance, faults, webhooks] = await Promise.all([
    context.rows.read(ids),
    context.rows.readRuns(),
    readReadiness(apiUrl),
    control.webhooks.disturbance(),
    control.faults.list(),
    Promise.all(users.map((user) => control.webhooks.list({ userId: user.id }))),
  ]);
  return {
    apiUrl,
    parts: { api, database: rows !== undefined, profiles: context.hasProfiles },
    runs,
    switches: {
      loseNext: disturbance.loseNext > 0,
      twice: disturbance.copies > 1,
      clerkDown: faults.some((fault) => fault.kind === "status" && fault.times === undefined),
    },
    total,
    people: users
      .map((user, index) => ({
        ...describeUser(user),
        webhooks: (webhooks[index] ?? []).slice(-shownWebhooks).map(describeMessage),
        row: rows?.get(user.id) ?? null,
        cause: context.causes.get(user.id) ?? null,
      }))
      .reverse(),
    gone: gone.map(([id, name]) => ({ id, name, row: rows?.get(id) ?? null })),
  };
}

function describeUser(user: ClerkUser) {
  return {
    id: user.id,
    name: nameOf(user),
    firstName: user.first_name,
    lastName: user.last_name,
    email: findEmail(user),
    banned: user.banned,
    createdAtMs: user.created_at,
  };
}

function describeMessage({ id, type, state, copies }: WebhookMessage): PersonState["webhooks"][number] {
  return { id, type, state, copies };
}

async function readReadiness(apiUrl: string): Promise<string[] | null> {
  try {
    const answer = await fetch(`${apiUrl}/readyz`, { signal: AbortSignal.timeout(apiTimeoutMs) });
    const body: unknown = await answer.json();
    const degraded = typeof body === "object" && body !== null && "degraded" in body ? body.degraded : [];
    return Array.isArray(degraded) ? degraded.map(String) : [];
  } catch {
    return null;
  }
}
