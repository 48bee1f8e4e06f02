import { orAbort, sleep, withOwnSignal } from "./abort.ts";
import { ensureOnce } from "./ensure-once.ts";
import type { Locale } from "./locale.ts";
import { rememberPending } from "./pending-people.ts";
import { decideDelayMs } from "./retry-delay.ts";
import { ownError, RollcallError } from "./rollcall-error.ts";
import { shareCalls } from "./shared-calls.ts";
import { readTokenSubject } from "./token-subject.ts";
import type { Session } from "./wire.ts";

/** Gives a session token that is valid now; null when nobody is signed in. */
export type GetToken = () => Promise<string | null | undefined>;

export type RollcallClientOptions = {
  /** Where Rollcall's api is, such as `https://rollcall.example.com`. */
  baseUrl: string;
  /**
   * Asked before each attempt, since session tokens live for a minute. It speaks for the one person of a page, whose
   * callers share a call though their tokens differ. A server, where strangers send tokens, gives `token` with each call.
   */
  getToken?: GetToken | undefined;
  /** By default the global one. */
  fetch?: typeof fetch | undefined;
  /** Waits before the second, third, … attempt; by default 1, 2 and 4 s. Jitter and `Retry-After` add to them, up to 10 s. */
  retryDelaysMs?: readonly number[] | undefined;
  /** How long one attempt may take; by default 10 s. */
  attemptTimeoutMs?: number | undefined;
  /** The language of messages; by default pt-BR. */
  locale?: Locale | undefined;
};

/** An attempt failed, and the next one is planned. */
export type Retry = {
  /** The number of the attempt to come; the first was 1. */
  attempt: number;
  delayMs: number;
  /** Why; `pending` while the profile is being made. */
  error: RollcallError;
};

export type EnsureOptions = {
  /** Ends this caller's wait; the call itself ends when all of its callers gave up. */
  signal?: AbortSignal | undefined;
  /**
   * Instead of the client's own `getToken`. On a server one client serves many people, and an unverified token proves
   * nothing: without `userId`, callers share an answer only when their tokens are the same to the letter.
   */
  token?: string | GetToken | undefined;
  /**
   * Who is signed in, when the app knows for sure: a token of anybody else is not sent, but asked for again later, and
   * an answer of anybody else is not handed out. Callers with a function for a token share a call by it.
   */
  userId?: string | undefined;
  /** The language of messages, instead of the client's own; a call that is shared speaks its first caller's. */
  locale?: Locale | undefined;
  /** What it throws ends this caller's wait, and comes out of it. */
  onRetry?: ((retry: Retry) => void) | undefined;
};

/** A user who is there, with their profile. */
export type Provisioned = Session & {
  /** The profile was made by this call, or while it waited. */
  created: boolean;
  /** Postgres is away: this is what the cache knew. */
  stale: boolean;
};

export type RollcallClient = {
  readonly locale: Locale;
  /**
   * Makes sure that the signed-in user has a profile: one call in flight per user, however many ask.
   *
   * @throws RollcallError, and what the caller's own `onRetry` throws
   */
  ensure(options?: EnsureOptions): Promise<Provisioned>;
};

/** How one caller of `ensure` takes part in a call. */
type Caller = {
  /** Whose profile it asks for, as far as anybody knows before a token is taken. */
  person: string | undefined;
  takeToken: GetToken;
  /** A token that is missing or another user's may be followed by the right one. */
  mayComeLater: boolean;
  locale: Locale;
  onRetry: (retry: Retry) => void;
};

/** Builds the client of one Rollcall. It remembers calls under way, and who was told "not yet"; nothing else. */
export function createRollcallClient(options: RollcallClientOptions): RollcallClient {
  const {
    locale: usualLocale = "pt-BR",
    retryDelaysMs = [1_000, 2_000, 4_000],
    getToken = async () => null,
  } = options;
  const send = options.fetch ?? ((...request: Parameters<typeof fetch>) => fetch(...request));
  const url = `${options.baseUrl.replace(/\/+$/, "")}/api/ensure`;
  const once = { url, fetch: send, timeoutMs: options.attemptTimeoutMs ?? 10_000 };
  const pending = rememberPending();
  const join = shareCalls(ensureWithRetries);
  let unnamed = 0;
  return { locale: usualLocale, ensure };

  async function ensure(asked: EnsureOptions = {}): Promise<Provisioned> {
    const { signal, token, userId, onRetry, locale = usualLocale } = asked;
    const fixed = typeof token === "string";
    const takeToken = fixed ? async () => token : (token ?? getToken);
    const mayComeLater = userId !== undefined && !fixed;
    let fault: { thrown: unknown } | undefined;
    try {
      signal?.throwIfAborted();
      const { key, person } = mayComeLater
        ? { key: `user ${userId}`, person: userId }
        : await orAbort(nameCall(takeToken, token === undefined), signal);
      return await withOwnSignal(signal, (own) => {
        const tell = (retry: Retry) => {
          try {
            onRetry?.(retry);
          } catch (thrown) {
            // Who shares the call has no part in it.
            fault = { thrown };
            own.abort();
          }
        };
        const caller = { person: userId ?? person, takeToken, mayComeLater, locale, onRetry: tell };
        // Who cannot be named shares with nobody.
        return join(key ?? `nobody ${++unnamed}`, caller, own.signal);
      });
    } catch (error) {
      if (fault) throw fault.thrown;
      if (error instanceof RollcallError || !signal?.aborted) throw error;
      throw ownError("aborted", locale, { retryable: false });
    }
  }

  async function ensureWithRetries(callers: ReadonlySet<Caller>, signal: AbortSignal): Promise<Provisioned> {
    let person: string | undefined;
    let locale = usualLocale;
    const takeToken = async () => {
      const [caller] = callers;
      const token = await caller?.takeToken();
      const subject = token ? readTokenSubject(token) : undefined;
      person ??= caller?.person ?? subject;
      // Who an opaque token names, only the api can tell.
      if (token && (subject === undefined || subject === person)) return token;
      return wrongToken();
    };
    const wrongToken = () => {
      const [caller] = callers;
      return ownError("no_token", locale, { retryable: caller?.mayComeLater ?? false });
    };
    for (let attempt = 1; ; attempt++) {
      const [first] = callers;
      locale = first?.locale ?? locale;
      let answer = await ensureOnce({ ...once, locale }, takeToken, signal);
      // An opaque token says only now whose it was.
      if (!(answer instanceof RollcallError) && person !== undefined && answer.user.clerkId !== person)
        answer = wrongToken();
      if (!(answer instanceof RollcallError)) {
        const { user, mentorado, created, stale = false } = answer;
        const madeMeanwhile = person !== undefined && pending.take(person);
        return { user, mentorado, created: created || madeMeanwhile, stale };
      }
      if (answer.code === "pending" && person !== undefined) pending.add(person);
      const plannedMs = retryDelaysMs[attempt - 1];
      if (!answer.retryable || plannedMs === undefined) throw answer;
      const delayMs = decideDelayMs(plannedMs, answer.retryAfterMs);
      for (const { onRetry } of callers) onRetry({ attempt: attempt + 1, delayMs, error: answer });
      await sleep(delayMs, signal);
    }
  }
}

/**
 * The key under which callers share a call, and whom the token names; neither without a token, which the call itself
 * then tells.
 *
 * @param ofPage the token comes from the page itself, which has no reason to lie about its own user
 */
async function nameCall(
  takeToken: GetToken,
  ofPage: boolean,
): Promise<{ key?: string; person?: string | undefined }> {
  const token = await takeToken().catch(() => undefined);
  if (!token) return {};
  const person = readTokenSubject(token);
  return { key: ofPage && person !== undefined ? `user ${person}` : `token ${token}`, person };
}
