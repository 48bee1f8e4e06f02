import type { Profile, UserRow } from "./rows.ts";
import { toResponse } from "./server/fetch.ts";
import { type KeptProfiles, keepProfiles } from "./server/kept-profiles.ts";
import { type Identity, identifyCaller, type ProvisionedOptions, provision } from "./server/provision.ts";
import { ProvisioningError } from "./server/provisioning-error.ts";
import type { Mentorado, User } from "./wire.ts";

export { withProvisioned } from "./server/fetch.ts";
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
  of: KeptProfiles<U, M, N>["of"];
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
  const profiles = keepProfiles<U, M, N>();

  async function attach(c: Context, next: () => Promise<void>): Promise<Response | undefined> {
    try {
      profiles.keep(c, await provision(options, await identifyCaller(options, c), c.req.raw.signal));
    } catch (error) {
      if (error instanceof ProvisioningError) return toResponse(error);
      throw error;
    }
    await next();
    return undefined;
  }

  return Object.assign(attach, { of: profiles.of });
}
