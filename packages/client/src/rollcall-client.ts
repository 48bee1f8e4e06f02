import { orAbort, sleep, withOwnSignal } from "./abort.ts";
import { isDevelopmentServer } from "./development.ts";
import { ensureOnce } from "./ensure-once.ts";
import type { Locale } from "./locale.ts";
import { decideDelayMs } from "./retry-delay.ts";
import { ownError, RollcallError } from "./rollcall-error.ts";
import { shareCalls } from "./shared-calls.ts";
import { readTokenOrganization, readTokenSubject } from "./token-subject.ts";
import { readPageTrace } from "./trace.ts";
import type { Active, Key, Mentorado, Session, User } from "./wire.ts";

/**
 * Returns a valid session token, or null when no user is signed in. With `skipCache`, the token must be a new one: Rollcall
 * refused the last one. Clerk's `getToken` fits.
 */
export type GetToken = (options?: { skipCache?: boolean }) => Promise<string | null | undefined>;

export type RollcallClientOptions<N extends string = "mentorado"> = ProfileOption<N> & {
  /** The URL of Rollcall's api, such as `https://rollcall.example.com`. */
  baseUrl: string;
  /**
   * Called before each attempt, because session tokens live for 60 s. It is for a page with one user: callers of the same
   * user share a call although their tokens differ. A server, which receives tokens of many users, passes `token` with
   * each call.
   */
  getToken?: GetToken | undefined;
  /** By default the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Waits before the second, third, … attempt; by default 1, 2 and 4 s. Jitter and `Retry-After` add to them, up to 10 s. */
  retryDelaysMs?: readonly number[] | undefined;
  /** Timeout of one attempt; by default 10 s. */
  attemptTimeoutMs?: number | undefined;
  /** The language of messages; by default pt-BR. */
  locale?: Locale | undefined;
  /**
   * Messages of errors name the likely cause for a developer, in English. By default true on a page of a development
   * server: at `http://localhost` or another loopback host, with a port.
   */
  development?: boolean | undefined;
  /**
   * Names the trace that the call belongs to, as the header `traceparent`. By default the page's own, from its element
   * `<meta name="traceparent">`. A server returns the trace of its request.
   */
  traceparent?: (() => string | undefined) | undefined;
};

/** The profile's name in the mapping, which is its key in answers; null for an app without profiles, whose N is never. */
type ProfileOption<N extends string> = [N] extends [never]
  ? { profile: null }
  : "mentorado" extends N
    ? { profile?: N | undefined }
    : { profile: N };

/** An attempt failed, and the next attempt is planned. */
export type Retry = {
  /** The number of the next attempt; the first was 1. */
  attempt: number;
  delayMs: number;
  /** The reason; `pending` while the profile is being made. */
  error: RollcallError;
};

export type EnsureOptions = {
  /** Ends the wait of this caller. The call itself ends when all of its callers have ended their wait. */
  signal?: AbortSignal | undefined;
  /**
   * Used instead of the client's own `getToken`. On a server one client serves many users, and an unverified token is no
   * proof of identity. Without `userId`, callers therefore share an answer only when their tokens are identical.
   */
  token?: string | GetToken | undefined;
  /**
   * The verified id of the signed-in user. A token of another user is not sent, and a new one is requested later. An
   * answer for another user is not returned. Callers whose token is a function share a call by this id.
   */
  userId?: string | undefined;
  /**
   * Clerk's id of the session's active organization, null for the personal account. A token or an answer of another one is
   * treated like that of another user, and callers with another one share no call. Undefined: the token decides.
   */
  organizationId?: string | null | undefined;
  /** The language of messages, instead of the client's own. A shared call uses the language of its first caller. */
  locale?: Locale | undefined;
  /** An error that it throws ends the wait of this caller, which rejects with that error. */
  onRetry?: ((retry: Retry) => void) | undefined;
};

type Found = Active & {
  /** The profile was made by this call, or while this call waited. */
  created: boolean;
  /** Postgres is away, and the answer comes from the cache. */
  stale: boolean;
};

/** A user with a profile. */
export type Provisioned<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = Session<P, K, N> & Found;

/** The same of any mapping. */
export type AnyProvisioned = Found & { user: User<Key> };

/** A client of any mapping. */
export type AnyRollcallClient = {
  readonly locale: Locale;
  /** The key of the profile in answers; null for an app without profiles. */
  readonly profile: string | null;
  ensure(options?: EnsureOptions): Promise<AnyProvisioned>;
};

/** @typeParam P the profile, as answers have it. K the key of the app's users. N the profile's name in the mapping */
export type RollcallClient<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = {
  readonly locale: Locale;
  /** The key of the profile in answers; null for an app without profiles. */
  readonly profile: [N] extends [never] ? null : N;
  /**
   * Makes sure that the signed-in user has a profile. All callers of one user share one call in flight.
   *
   * @throws RollcallError, and errors of the caller's own `onRetry`
   */
  ensure(options?: EnsureOptions): Promise<Provisioned<P, K, N>>;
};

/** One caller of `ensure` in a shared call. */
type Caller = {
  /** The user id, if it is known before a token is read. */
  expectedUserId: string | undefined;
  /** As in the options of `ensure`. */
  organizationId: string | null | undefined;
  takeToken: GetToken;
  /** After a missing token, or a token of another user, the right token may follow. */
  mayComeLater: boolean;
  locale: Locale;
  onRetry: (retry: Retry) => void;
};

/** Builds a client for one Rollcall api. Its only state is the calls in flight and the users with the answer "not yet". */
export function createRollcallClient<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
>(options: RollcallClientOptions<NoInfer<N>>): RollcallClient<NoInfer<P>, NoInfer<K>, NoInfer<N>> {
  // TypeScript does not resolve the type of the option while N is generic.
  const { profile = "mentorado" } = options as { profile?: string | null };
  const {
    locale: usualLocale = "pt-BR",
    retryDelaysMs = [1_000, 2_000, 4_000],
    getToken = async () => null,
  } = options;
  const send = options.fetch ?? ((...request: Parameters<typeof fetch>) => fetch(...request));
  const url = `${options.baseUrl.replace(/\/+$/, "")}/api/ensure`;
  const { attemptTimeoutMs: timeoutMs = 10_000, development = isDevelopmentServer() } = options;
  const { traceparent = readPageTrace } = options;
  const once = { url, fetch: send, timeoutMs, development, profile, traceparent };
  const pending = rememberPending();
  const join = shareCalls(ensureWithRetries);
  let unshared = 0;
  // The types of the profile and the key are a promise of the app: the api's mapping decides.
  return { locale: usualLocale, profile, ensure } as AnyRollcallClient as RollcallClient<P, K, N>;

  async function ensure(asked: EnsureOptions = {}): Promise<AnyProvisioned> {
    const { signal, token, userId, organizationId, onRetry, locale = usualLocale } = asked;
    const fixed = typeof token === "string";
    const takeToken = fixed ? async () => token : (token ?? getToken);
    const mayComeLater = userId !== undefined && !fixed;
    let fault: { thrown: unknown } | undefined;
    try {
      signal?.throwIfAborted();
      const { key, expectedUserId, ofToken } = mayComeLater
        ? { key: nameUser(userId, organizationId), expectedUserId: userId }
        : await orAbort(nameCall(takeToken, token === undefined), signal);
      return await withOwnSignal(signal, (own) => {
        const notify = (retry: Retry) => {
          try {
            onRetry?.(retry);
          } catch (thrown) {
            // The error belongs to this caller only, so the shared call continues.
            fault = { thrown };
            own.abort();
          }
        };
        const caller = {
          expectedUserId: userId ?? expectedUserId,
          organizationId: organizationId === undefined ? ofToken : organizationId,
          takeToken,
          mayComeLater,
          locale,
          onRetry: notify,
        };
        // A caller without a key does not share a call.
        return join(key ?? `unshared ${++unshared}`, caller, own.signal);
      });
    } catch (error) {
      if (fault) throw fault.thrown;
      if (error instanceof RollcallError || !signal?.aborted) throw error;
      throw ownError("aborted", locale, { retryable: false });
    }
  }

  async function ensureWithRetries(
    callers: ReadonlySet<Caller>,
    signal: AbortSignal,
  ): Promise<AnyProvisioned> {
    let expectedUserId: string | undefined;
    // Callers share a call only with the same one.
    const [{ organizationId } = {}] = callers;
    const isOther = (named: string | null | undefined) =>
      organizationId !== undefined && named !== undefined && named !== organizationId;
    let locale = usualLocale;
    let sent: string | undefined;
    let mayRefresh = true;
    const takeToken = async (asked?: Parameters<GetToken>[0]) => {
      const [caller] = callers;
      let token = await caller?.takeToken(asked);
      // Right after a switch, the token may still be one of before.
      if (token && isOther(readTokenOrganization(token)))
        token = await caller?.takeToken({ skipCache: true });
      const subject = token ? readTokenSubject(token) : undefined;
      expectedUserId ??= caller?.expectedUserId ?? subject;
      // Only the api can tell the user of an opaque token.
      if (!token || (subject !== undefined && subject !== expectedUserId)) return wrongToken();
      if (isOther(readTokenOrganization(token))) return wrongToken();
      sent = token;
      return token;
    };
    /** The refused token may have been old: a page that slept, or a session that changed. */
    const refreshToken = async (refusal: RollcallError) => {
      const refused = sent;
      const token = await takeToken({ skipCache: true });
      return token === refused ? refusal : token;
    };
    const wrongToken = () => {
      const [caller] = callers;
      return ownError("no_token", locale, { retryable: caller?.mayComeLater ?? false });
    };
    for (let attempt = 1; ; attempt++) {
      const [first] = callers;
      locale = first?.locale ?? locale;
      let answer = await ensureOnce({ ...once, locale }, () => takeToken(), signal);
      if (answer instanceof RollcallError && answer.status === 401 && mayRefresh) {
        mayRefresh = false;
        const refusal = answer;
        answer = await ensureOnce({ ...once, locale }, () => refreshToken(refusal), signal);
      }
      // The user of an opaque token is known only from the answer, and so is the organization.
      if (
        !(answer instanceof RollcallError) &&
        ((expectedUserId !== undefined && answer.user.clerkId !== expectedUserId) ||
          isOther(answer.organization === null ? null : answer.organization?.clerkOrgId))
      )
        answer = wrongToken();
      if (!(answer instanceof RollcallError)) {
        const { user, organization, created, stale = false } = answer;
        const madeMeanwhile = expectedUserId !== undefined && pending.take(expectedUserId);
        const named = profile && { [profile]: answer[profile] };
        const active = organization !== undefined && { organization };
        return { user, ...named, ...active, created: created || madeMeanwhile, stale };
      }
      if (answer.code === "pending" && expectedUserId !== undefined) pending.add(expectedUserId);
      const plannedMs = retryDelaysMs[attempt - 1];
      if (!answer.retryable || plannedMs === undefined) throw answer;
      const delayMs = decideDelayMs(plannedMs, answer.retryAfterMs);
      for (const { onRetry } of callers) onRetry({ attempt: attempt + 1, delayMs, error: answer });
      await sleep(delayMs, signal);
    }
  }
}

/**
 * The key under which callers share a call, and the user id and the organization in the token. Without a token all are missing;
 * the call then reports the missing token.
 *
 * @param ofPage the token comes from the page's own `getToken`, so its user id can be trusted as a key
 */
async function nameCall(
  takeToken: GetToken,
  ofPage: boolean,
): Promise<{ key?: string; expectedUserId?: string | undefined; ofToken?: string | undefined }> {
  const token = await takeToken().catch(() => undefined);
  if (!token) return {};
  const expectedUserId = readTokenSubject(token);
  if (!ofPage || expectedUserId === undefined) return { key: `token ${token}`, expectedUserId };
  const ofToken = readTokenOrganization(token) ?? undefined;
  return { key: nameUser(expectedUserId, ofToken), expectedUserId, ofToken };
}

/** A page may switch to another organization while a call is in flight. */
const nameUser = (userId: string, organizationId: string | null | undefined) =>
  `user ${userId} in ${organizationId}`;

/** More users than a browser ever has. On a server, users that never come back must not accumulate. */
const mostPending = 1_000;

/**
 * Remembers the users that got the answer "not yet". A later answer says that the profile was found, although it was made
 * for this call.
 */
function rememberPending(): { add(userId: string): void; take(userId: string): boolean } {
  const userIds = new Set<string>();
  return {
    add(userId) {
      userIds.add(userId);
      const [oldest] = userIds;
      if (userIds.size > mostPending && oldest !== undefined) userIds.delete(oldest);
    },
    take: (userId) => userIds.delete(userId),
  };
}
