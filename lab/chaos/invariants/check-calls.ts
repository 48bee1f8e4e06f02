import type { ClerkUser } from "@rollcall/clerk-simulator";
import { ensureReady, errorBody, rowKey, userView } from "@rollcall/contracts";
import type { Tables as TableNames } from "@rollcall/db";
import { z } from "zod";
import type { Call, Ledger, Violation } from "../ledger.ts";
import { hasTimedOut } from "../scenario/call-api.ts";
import type { MachineLoad } from "../stage/machine-load.ts";
import type { Stage } from "../stage/stage.ts";
import type { Span } from "../stage/supervised-process.ts";
import { expectedRow } from "./expected-row.ts";
import type { Tables, UserRow } from "./recorder.ts";

const longestMs = 5_000;
/** Headers and body of a request must arrive within this time. */
const requestTimeoutMs = 10_000;
/** For the difference of two processes' clocks, and the time that a signal takes. */
const marginMs = 200;

const allowed = { webhook: [200, 503], ensure: [200, 202, 403, 404, 410, 503] } as const;

/**
 * Checks every answer, and every request without one.
 *
 * @param options.areRowsLost a failover lost rows. Those of users that have left Clerk are not made again
 */
export function checkCalls(
  ledger: Ledger,
  stage: Stage,
  tables: Tables,
  machine: MachineLoad,
  { areRowsLost = false }: { areRowsLost?: boolean } = {},
): Violation[] {
  return ledger.calls.flatMap((call) => {
    const { away } = stage.processes[call.api];
    const isAnswered = call.status !== undefined && !arrivedTooLate(call, away);
    const faults = isAnswered ? checkAnswer(ledger, tables, call, areRowsLost) : [];
    if (!wasAway(call, away)) faults.push(...checkTime(call, machine));
    return faults.map((fault) => ({ ...fault, clerkId: call.clerkId }));
  });
}

function wasAway({ fromMs, toMs }: Call, away: readonly Span[]): boolean {
  return away.some((span) => span.fromMs < toMs + marginMs && span.untilMs > fromMs - marginMs);
}

/** A process that was frozen for 10 s answers 408 to requests that it had begun to read. The body is ours. */
function arrivedTooLate(call: Call, away: readonly Span[]): boolean {
  const long = away.filter(({ fromMs, untilMs }) => untilMs - fromMs >= requestTimeoutMs);
  return call.status === 408 && errorCodeOf(call.text) === "request.timeout" && wasAway(call, long);
}

function errorCodeOf(text: string): string | undefined {
  try {
    return errorBody.parse(JSON.parse(text)).error.code;
  } catch {
    return undefined;
  }
}

function checkTime(call: Call, { lagMs, crowding }: MachineLoad): Violation[] {
  const invariant = "every request is answered within 5 s";
  const { api, route, fromMs, toMs, status, text } = call;
  const tookMs = toMs - fromMs - lagMs({ fromMs, untilMs: toMs });
  const isLate = tookMs > longestMs * crowding();
  if (status === undefined && (isLate || !hasTimedOut(call))) {
    return [{ invariant, detail: `${api} did not answer a ${route} after ${tookMs} ms: ${text}` }];
  }
  return isLate
    ? [{ invariant, detail: `${api} answered a ${route} after ${tookMs} ms with ${status}` }]
    : [];
}

function checkAnswer(
  { accounts }: Ledger,
  tables: Tables,
  { route, clerkId, status = 0, text }: Call,
  areRowsLost: boolean,
): Violation[] {
  const possible: readonly number[] = allowed[route];
  if (!possible.includes(status)) {
    return [
      { invariant: "every answer is in the contract", detail: `a ${route} was answered ${status}: ${text}` },
    ];
  }
  if (route === "webhook") return [];
  const account = accounts.get(clerkId);
  if (status === 410 && account?.leftAtMs === undefined) {
    return [{ invariant: "no living user is answered as deleted", detail: "was answered 410" }];
  }
  if (status !== 200) return [];
  const row = tables.users.get(clerkId);
  if (!row && areRowsLost && account?.leftAtMs !== undefined) return [];
  const isTheirs = text.includes(`"clerkId":"${clerkId}"`);
  return row && isTheirs
    ? []
    : [{ invariant: "a successful ensure leaves a row", detail: `has ${row ? "another's" : "no"} row` }];
}

const invariant = "ensure answers what Clerk has";

/** After everything converged, ensure must not answer from a stale cache entry. */
export function checkLastEnsures(
  ledger: Ledger,
  { app }: Pick<Stage, "app">,
  tables: Tables,
  { clerkId, status, text }: Call,
): Violation[] {
  const account = ledger.accounts.get(clerkId);
  const last = account?.versions.at(-1);
  if (!account || !last) return [];
  // If Rollcall never noticed a user that came and left, the user is unknown and not deleted.
  const wanted = account.leftAtMs !== undefined ? [410, 404, 202] : last.banned ? [403] : [200];
  const fault = (detail: string) => [{ invariant, detail, clerkId }];
  if (!wanted.some((one) => one === status))
    return fault(`was answered ${status} instead of ${wanted.join(" or ")}`);
  if (status !== 200) return [];
  const answer: unknown = JSON.parse(text);
  return [...findStale(answer, last, app.names), ...findWrongKey(answer, tables.users.get(clerkId))].flatMap(
    fault,
  );
}

/** An answer under any mapping. The profile is under its own name. */
const ready = z.looseObject({ success: z.literal(true), created: z.boolean(), user: userView });
const ownedProfile = z.looseObject({ userId: rowKey }).nullable();

/** A key that was drawn again belongs to another user. */
function findWrongKey(answer: unknown, row: UserRow | undefined): string[] {
  const { user } = ready.parse(answer);
  return user.id === row?.id ? [] : [`was answered with the key ${user.id}, and the row has ${row?.id}`];
}

function findStale(answer: unknown, last: ClerkUser, names: TableNames): string[] {
  const { user, ...others } = ready.parse(answer);
  const profile = names.profile && ownedProfile.parse(others[names.profile.name]);
  if (names.profile?.isDefault) ensureReady.parse(answer);
  const expected = expectedRow(last, names);
  const said = {
    email: user.email,
    email_verified: user.emailVerified,
    name: user.name,
    image_url: user.imageUrl,
    role: user.role,
    banned: user.banned,
    clerk_updated_at: user.clerkUpdatedAt === null ? null : Date.parse(user.clerkUpdatedAt),
  };
  const stale = Object.entries(said).filter(([column, value]) => Reflect.get(expected, column) !== value);
  return [
    ...stale.map(([column]) => `was answered with an old ${column}`),
    ...(profile === null && expected.role !== "admin" ? ["was answered without a profile"] : []),
    ...(profile && profile.userId !== user.id ? ["was answered with another's profile"] : []),
  ];
}
