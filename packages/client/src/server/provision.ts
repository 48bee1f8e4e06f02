import { orAbort, withTimeLimit } from "../abort.ts";
import { findHint } from "../development.ts";
import type { AnyProvisioned, AnyRollcallClient, Retry } from "../rollcall-client.ts";
import { RollcallError } from "../rollcall-error.ts";
import {
  decideOrganization,
  decideRows,
  type Profile,
  pickProfile,
  type Rows,
  type UserRow,
} from "../rows.ts";
import type { Mentorado, User } from "../wire.ts";
import { ProvisioningError, toProvisioningCode } from "./provisioning-error.ts";

/**
 * The caller, verified by the app: the result of Clerk's `auth()` or `getAuth()`. Never take `userId` from an unverified
 * header, cookie or body.
 */
export type Identity = {
  userId: string | null | undefined;
  /** Clerk's id of the active organization, verified too; null without one. Undefined: only the token says it. */
  orgId?: string | null | undefined;
  getToken: () => Promise<string | null | undefined>;
};

export type ProvisionOptions<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
> = {
  /** One client for all requests. Its `locale` is the language of refusals, and its `profile` the key of the profile. */
  client: Omit<AnyRollcallClient, "profile"> & { readonly profile: N | null };
  /**
   * Reads user and profile by Clerk id from the app's own database, banned and deleted users included. With it, requests
   * of known users do not call Rollcall, and the attached rows are the app's own. An app with organizations also returns
   * `organization`: the row of the active one with the user's role, or null if the user is no member.
   *
   * @param orgId Clerk's id of the active organization; null without one
   */
  find?: ((clerkId: string, orgId: string | null) => Promise<Rows<U, M, N> | undefined>) | undefined;
  /** How long a request may wait for Rollcall before the answer is 503; by default 3 s. */
  patienceMs?: number | undefined;
  /**
   * Receives a sentence for developers when rows cannot be read or Rollcall refuses this app's tokens. It names fields and
   * settings, and holds no values. By default `console.warn`.
   */
  warn?: ((problem: string) => void) | undefined;
};

/** Options of a middleware that receives its caller: `Call` is a request, or a context made from one. */
export type ProvisionedOptions<
  Call,
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
> = ProvisionOptions<U, M, N> & {
  /** The verified caller, for example from Clerk's `getAuth`. Never trust a bare header. */
  identify: (call: Call) => Identity | null | undefined | Promise<Identity | null | undefined>;
};

/**
 * The caller, from the app's `identify`.
 *
 * An error of `identify` becomes a refusal, because a framework may answer it with its stack. A token that a library
 * refuses is a caller without a session. Any other error is a fault of the app, and must not look like one. An error that
 * states its own answer (a status, a redirect of Next.js, a TRPCError) is passed on.
 *
 * @throws ProvisioningError with the error as its cause
 */
export async function identifyCaller<Call>(
  {
    client: { locale },
    identify,
    warn = warnOnConsole,
  }: {
    client: Pick<AnyRollcallClient, "locale">;
    identify: (call: Call) => Identity | null | undefined | Promise<Identity | null | undefined>;
    warn?: ((problem: string) => void) | undefined;
  },
  call: Call,
): Promise<Identity | null | undefined> {
  try {
    return await identify(call);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (isRefusedToken(error)) throw new ProvisioningError("unauthenticated", locale, undefined, error);
    if (statesAnswer(error)) throw error;
    // Not its message, which may hold a token. The first place of the stack names the function.
    const [, place = ""] = /\n +(at .+)/.exec(error.stack?.replace(error.message, "") ?? "") ?? [];
    warn(`Rollcall answers 503, because identify() threw ${error.name} ${place}`.trimEnd());
    throw new ProvisioningError("unavailable", locale, undefined, error);
  }
}

function statesAnswer(error: Error): boolean {
  return (
    ["status", "statusCode", "digest"].some((name) => name in error) ||
    error.name === "TRPCError" ||
    error.name === "AbortError"
  );
}

/** Clerk's `token-verification-failed` is left out: it is a key that cannot be read, a mistake of the app. */
const refusedToken =
  /^(token-(?!verification-failed).+|ERR_JW[ST]_.+|JsonWebTokenError|TokenExpiredError|NotBeforeError)$/;

/** Whether it is how Clerk (`reason`), jose (`code`) or jsonwebtoken (`name`) refuses a token. */
function isRefusedToken(error: Error): boolean {
  const { reason, code, name }: { reason?: unknown; code?: unknown; name: string } = error;
  return [reason, code, name].some((value) => typeof value === "string" && refusedToken.test(value));
}

/** The api itself answers within 2 s. During an outage, a quick 503 is better than a hanging request. */
const defaultWaitMs = 3_000;

/**
 * The caller's user and profile. A missing profile is made first.
 *
 * @param signal of the request; when it aborts, the wait ends
 * @throws ProvisioningError without a profile; errors of `find` are passed on
 */
export async function provision<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(
  options: ProvisionOptions<U, M, N>,
  identity: Identity | null | undefined,
  signal?: AbortSignal | null,
): Promise<Profile<U, M, N>> {
  const { client, find } = options;
  const userId: unknown = identity?.userId;
  if (!identity || typeof userId !== "string" || userId === "")
    throw new ProvisioningError("unauthenticated", client.locale);
  const { orgId } = identity;
  const caller = { userId, organizationId: orgId };
  const known: unknown = await find?.(userId, orgId ?? null);
  // `?? undefined`: an ORM may answer null for no row.
  if ((known ?? undefined) !== undefined && isComplete<U, M, N>(known, caller, options, "find()"))
    return known;

  const ensured: unknown = await ensure(options, identity, userId, signal);
  if (!isComplete<U, M, N>(ensured, caller, options, "Rollcall's answer"))
    throw new ProvisioningError("no_profile", client.locale);
  if (!find) {
    // The rest of Rollcall's answer are the fields of ensure. Without `find`, U and M are types of the wire.
    return pickProfile<U, M, N>(ensured, client.profile);
  }
  const made: unknown = await find(userId, orgId ?? null);
  if ((made ?? undefined) !== undefined && isComplete<U, M, N>(made, caller, options, "find()")) return made;
  // The profile was made, but the app's database does not show it yet, for example because a replica lags.
  throw new ProvisioningError("unavailable", client.locale);
}

/**
 * True for rows with a profile, and with the active organization if they name one. False without.
 *
 * @throws ProvisioningError for a banned or deleted user, and for rows that do not prove whose they are
 */
function isComplete<U extends UserRow, M extends object, N extends string>(
  rows: unknown,
  { userId, organizationId }: { userId: string; organizationId: string | null | undefined },
  { client, warn = warnOnConsole }: Pick<ProvisionOptions<U, M, N>, "client" | "warn">,
  source: string,
): rows is Profile<U, M, N> {
  const ofUser = decideRows(rows, userId, client.profile);
  const verdict = ofUser.kind === "complete" ? decideOrganization(rows as object, organizationId) : ofUser;
  switch (verdict.kind) {
    case "complete":
      return true;
    case "no_profile":
    case "not_a_member":
      return false;
    case "banned":
      throw new ProvisioningError("user.banned", client.locale);
    case "deleted":
      throw new ProvisioningError("user.deleted", client.locale);
    case "unreadable": {
      const problem = `${source}: ${verdict.problem}`;
      warn(`Rollcall answers 503, because it cannot read ${problem}`);
      throw new ProvisioningError("unavailable", client.locale, undefined, new Error(problem));
    }
    default:
      return verdict satisfies never;
  }
}

function warnOnConsole(problem: string): void {
  // biome-ignore lint/suspicious/noConsole: a package has no log of its own, and the answer to the caller names no cause.
  console.warn(problem);
}

function ensure(
  {
    client,
    patienceMs = defaultWaitMs,
    warn = warnOnConsole,
  }: { client: AnyRollcallClient } & Pick<ProvisionOptions, "patienceMs" | "warn">,
  identity: Identity,
  userId: string,
  signal: AbortSignal | null | undefined,
): Promise<AnyProvisioned> {
  const { locale } = client;
  return withTimeLimit(patienceMs, signal, async (limit) => {
    // The last Retry-After, for the case that the time limit ends while the client waits for its next attempt.
    let retryAfterMs: number | undefined;
    const onRetry = ({ error }: Retry) => {
      retryAfterMs = error.retryAfterMs;
    };
    let token: unknown;
    try {
      token = await orAbort(identity.getToken(), limit);
      if (typeof token !== "string" || token === "") throw new ProvisioningError("unauthenticated", locale);
      return await client.ensure({
        ...{ token, userId, organizationId: identity.orgId, signal: limit, onRetry },
      });
    } catch (error) {
      if (error instanceof RollcallError && error.code !== "aborted") {
        const code = toProvisioningCode(error.code);
        const refusal = new ProvisioningError(code, locale, error.retryAfterMs, error);
        // The app has verified this caller, so a refusal of the token is a mistake in a setting of Rollcall.
        if (refusal.status === 401) warn(explainRefusal(error, String(token)));
        throw refusal;
      }
      if (!limit.aborted) throw error;
      throw new ProvisioningError("unavailable", locale, retryAfterMs);
    }
  });
}

function explainRefusal({ code, requestId }: RollcallError, token: string): string {
  const hint = findHint(code, "", token) ?? "";
  return `Rollcall refused a session token (${code}). ${hint} Its log has the reason, under request ${requestId}.`;
}
