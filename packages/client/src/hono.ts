import type { Profile, UserRow } from "./rows.ts";
import { toResponse, wrapHandler } from "./server/fetch.ts";
import { type Identity, type ProvisionedOptions, provision } from "./server/provision.ts";
import { ProvisioningError } from "./server/provisioning-error.ts";
import type { Mentorado, User } from "./wire.ts";

export { type Identity, type Profile, type ProvisionedOptions, ProvisioningError, type UserRow };

/** The used part of Hono's context. */
type ContextLike = { req: { raw: Request } };

export type ProvisionedMiddleware<
  Context,
  U extends UserRow,
  M extends object,
  N extends string = "mentorado",
> = {
  (c: Context, next: () => Promise<void>): Promise<Response | undefined>;
  /**
   * User and profile of a request.
   *
   * @throws Error for a request that did not pass the middleware
   */
  of(c: object): Profile<U, M, N>;
};

/**
 * Middleware for Hono that finds user and profile, which `of(c)` returns. A missing profile is made first. Without a
 * profile, the middleware answers 401, 403 or 503 (with `Retry-After`) as `{"error":{"code","message"}}`.
 */
export function provisioned<
  Context extends ContextLike,
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(options: ProvisionedOptions<Context, U, M, N>): ProvisionedMiddleware<Context, U, M, N> {
  const profiles = new WeakMap<object, Profile<U, M, N>>();

  async function attach(c: Context, next: () => Promise<void>): Promise<Response | undefined> {
    try {
      profiles.set(c, await provision(options, await options.identify(c), c.req.raw.signal));
    } catch (error) {
      if (error instanceof ProvisioningError) return toResponse(error);
      throw error;
    }
    await next();
    return undefined;
  }

  return Object.assign(attach, {
    of(c: object): Profile<U, M, N> {
      const profile = profiles.get(c);
      if (!profile) throw new Error("provisioned() has not run before this handler");
      return profile;
    },
  });
}

/**
 * For any other server of Fetch requests (Bun, Deno, workers): wraps a handler, which then runs only with user and profile.
 * Without a profile, the answer is that of `provisioned`.
 */
export function withProvisioned<
  Req extends Request,
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
  Rest extends unknown[] = [],
  Answer = Response,
>(
  options: ProvisionedOptions<Req, U, M, N>,
  handler: (request: Req, profile: Profile<U, M, N>, ...rest: Rest) => Answer | Promise<Answer>,
): (request: Req, ...rest: Rest) => Promise<Answer | Response> {
  return wrapHandler(options, handler);
}
