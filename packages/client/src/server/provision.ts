import { orAbort, withTimeLimit } from "../abort.ts";
import type { Retry, RollcallClient } from "../rollcall-client.ts";
import { RollcallError } from "../rollcall-error.ts";
import type { Mentorado, User } from "../wire.ts";
import { ProvisioningError, toProvisioningCode } from "./provisioning-error.ts";

/**
 * The caller, verified by the app: the result of Clerk's `auth()` or `getAuth()`. Never take `userId` from an unverified
 * header, cookie or body.
 */
export type Identity = {
  userId: string | null | undefined;
  getToken: () => Promise<string | null | undefined>;
};

/** The required fields of the app's own user row. They are needed to refuse banned and deleted users. */
export type UserRow = { clerkId: string; banned: boolean; deletedAt: unknown };

/** A user with a profile, in the app's own types. */
export type Profile<U extends UserRow = User, M extends object = Mentorado> = { user: U; mentorado: M };

export type ProvisionOptions<U extends UserRow = User, M extends object = Mentorado> = {
  /** One client for all requests; its `locale` is the language of refusals. */
  client: RollcallClient;
  /**
   * Reads user and profile by Clerk id from the app's own database, banned and deleted users included. With it, requests
   * of known users do not call Rollcall, and the attached rows are the app's own.
   */
  find?: ((clerkId: string) => Promise<{ user: U; mentorado: M | null } | undefined>) | undefined;
  /** How long a request may wait for Rollcall before the answer is 503; by default 3 s. */
  patienceMs?: number | undefined;
};

/** Options of a middleware that receives its caller: `Call` is a request, or a context made from one. */
export type ProvisionedOptions<
  Call,
  U extends UserRow = User,
  M extends object = Mentorado,
> = ProvisionOptions<U, M> & {
  /** The verified caller, for example from Clerk's `getAuth`. Never trust a bare header. */
  identify: (call: Call) => Identity | null | undefined | Promise<Identity | null | undefined>;
};

/** The api itself answers within 2 s. During an outage, a quick 503 is better than a hanging request. */
const defaultWaitMs = 3_000;

/**
 * The caller's user and profile. A missing profile is made first.
 *
 * @param signal of the request; when it aborts, the wait ends
 * @throws ProvisioningError without a profile; errors of `find` are passed on
 */
export async function provision<U extends UserRow = User, M extends object = Mentorado>(
  options: ProvisionOptions<U, M>,
  identity: Identity | null | undefined,
  signal?: AbortSignal | null,
): Promise<Profile<U, M>> {
  const { client, find } = options;
  const userId = identity?.userId;
  if (!identity || !userId) throw new ProvisioningError("unauthenticated", client.locale);
  const known = await find?.(userId);
  if (known && isComplete(known, userId, options)) return known;

  const ensured = await ensure(options, identity, userId, signal);
  if (!isComplete(ensured, userId, options)) throw new ProvisioningError("no_profile", client.locale);
  // Without `find`, U and M are the default types of the wire, because no other value could determine them.
  if (!find) return ensured as Profile<User, Mentorado> as unknown as Profile<U, M>;
  const made = await find(userId);
  if (made && isComplete(made, userId, options)) return made;
  // The profile was made, but the app's database does not show it yet, for example because a replica lags.
  throw new ProvisioningError("unavailable", client.locale);
}

type Rows<U, M> = { user: U; mentorado: M | null };

/** @throws ProvisioningError for a banned or deleted user, or rows of another user */
function isComplete<U extends UserRow, M extends object>(
  rows: Rows<U, M>,
  userId: string,
  { client }: Pick<ProvisionOptions, "client">,
): rows is Profile<U, M> {
  // Rows of another user are a mistake in the app, or come from a token of another session.
  if (rows.user.clerkId !== userId) throw new ProvisioningError("unavailable", client.locale);
  if (rows.user.deletedAt != null) throw new ProvisioningError("user.deleted", client.locale);
  if (rows.user.banned) throw new ProvisioningError("user.banned", client.locale);
  return rows.mentorado !== null;
}

function ensure(
  { client, patienceMs = defaultWaitMs }: Pick<ProvisionOptions, "client" | "patienceMs">,
  identity: Identity,
  userId: string,
  signal: AbortSignal | null | undefined,
): Promise<Rows<User, Mentorado>> {
  const { locale } = client;
  return withTimeLimit(patienceMs, signal, async (limit) => {
    // The last Retry-After, for the case that the time limit ends while the client waits for its next attempt.
    let retryAfterMs: number | undefined;
    const onRetry = ({ error }: Retry) => {
      retryAfterMs = error.retryAfterMs;
    };
    try {
      const token = await orAbort(identity.getToken(), limit);
      if (!token) throw new ProvisioningError("unauthenticated", locale);
      return await client.ensure({ token, userId, signal: limit, onRetry });
    } catch (error) {
      if (error instanceof RollcallError && error.code !== "aborted")
        throw new ProvisioningError(toProvisioningCode(error.code), locale, error.retryAfterMs);
      if (!limit.aborted) throw error;
      throw new ProvisioningError("unavailable", locale, retryAfterMs);
    }
  });
}
