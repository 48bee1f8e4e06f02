import { orAbort, withTimeLimit } from "../abort.ts";
import type { Retry, RollcallClient } from "../rollcall-client.ts";
import { RollcallError } from "../rollcall-error.ts";
import type { Mentorado, User } from "../wire.ts";
import { ProvisioningError, toProvisioningCode } from "./provisioning-error.ts";

/**
 * Who calls, as the app has verified it: what Clerk's `auth()` and `getAuth()` give. Never take `userId` from a
 * header, a cookie or a body that nobody verified.
 */
export type Identity = {
  userId: string | null | undefined;
  getToken: () => Promise<string | null | undefined>;
};

/** What must be in the app's own user row, so that nobody comes in who must not. */
export type UserRow = { clerkId: string; banned: boolean; deletedAt: unknown };

/** A user with a profile, in the app's own types. */
export type Profile<U extends UserRow = User, M extends object = Mentorado> = { user: U; mentorado: M };

export type ProvisionOptions<U extends UserRow = User, M extends object = Mentorado> = {
  /** One for all requests; its `locale` is the language of refusals. */
  client: RollcallClient;
  /**
   * Reads user and profile by Clerk id from the app's own database, also when banned or deleted. With it, requests
   * of known users do not touch Rollcall, and what is attached are the app's rows.
   */
  find?: ((clerkId: string) => Promise<{ user: U; mentorado: M | null } | undefined>) | undefined;
  /** How long a request may wait for Rollcall before it is a 503; by default 3 s. */
  patienceMs?: number | undefined;
};

/** The api itself answers within 2 s, and a request that hangs for an outage helps nobody. */
const usualPatienceMs = 3_000;

/**
 * The profile of whoever calls: known, or made now.
 *
 * @param signal of the request: when it is aborted, nobody waits for the answer any more
 * @throws ProvisioningError when there is none; whatever `find` throws is passed on
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
  // Without `find` the types are those of the wire: nothing else could tell U and M from their defaults.
  if (!find) return ensured as Profile<User, Mentorado> as unknown as Profile<U, M>;
  const made = await find(userId);
  if (made && isComplete(made, userId, options)) return made;
  // Made, but the app's database does not show it: a replica that lags behind.
  throw new ProvisioningError("unavailable", client.locale);
}

type Rows<U, M> = { user: U; mentorado: M | null };

/** @throws ProvisioningError for who must not come in, whatever they have */
function isComplete<U extends UserRow, M extends object>(
  rows: Rows<U, M>,
  userId: string,
  { client }: Pick<ProvisionOptions, "client">,
): rows is Profile<U, M> {
  // Rows of somebody else are a mistake in the app, or a token of another session.
  if (rows.user.clerkId !== userId) throw new ProvisioningError("unavailable", client.locale);
  if (rows.user.deletedAt != null) throw new ProvisioningError("user.deleted", client.locale);
  if (rows.user.banned) throw new ProvisioningError("user.banned", client.locale);
  return rows.mentorado !== null;
}

function ensure(
  { client, patienceMs = usualPatienceMs }: Pick<ProvisionOptions, "client" | "patienceMs">,
  identity: Identity,
  userId: string,
  signal: AbortSignal | null | undefined,
): Promise<Rows<User, Mentorado>> {
  const { locale } = client;
  return withTimeLimit(patienceMs, signal, async (limit) => {
    // What the api said last, should patience end while the client waits to ask it again.
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
