import type { Profile, UserRow } from "./rows.ts";
import { withProvisioned } from "./server/fetch.ts";
import { type Identity, type ProvisionOptions, provision } from "./server/provision.ts";
import { ProvisioningError } from "./server/provisioning-error.ts";
import type { Mentorado, User } from "./wire.ts";

export { type Identity, type Profile, ProvisioningError, type UserRow };

export type ProvisioningOptions<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
> = ProvisionOptions<U, M, N> & {
  /** The verified caller: `auth` of `@clerk/nextjs/server`, or another function that verifies the session. */
  identify: () => Identity | null | undefined | Promise<Identity | null | undefined>;
} & Unauthenticated;

export type Unauthenticated = {
  /**
   * Called by `requireProvisioned` when `identify` names no user, for example to redirect: Next.js' `redirect` and Clerk's
   * `redirectToSignIn` throw. If it returns, the `ProvisioningError` is thrown. It is not called for a token that Rollcall
   * refuses: that user is signed in, so a redirect to the sign-in would come back for ever.
   */
  onUnauthenticated?: ((error: ProvisioningError) => unknown) | undefined;
};

export type Provisioning<U extends UserRow, M extends object, N extends string = "mentorado"> = {
  /**
   * For layouts, pages and server actions: returns user and profile. A missing profile is made first.
   *
   * @param instead `onUnauthenticated` of this call, instead of the one of all calls
   * @throws ProvisioningError, whose code an `error.tsx` reads from `error.digest`: `rollcall:` and the code; what
   * `onUnauthenticated` throws
   */
  requireProvisioned(instead?: Unauthenticated): Promise<Profile<U, M, N>>;
  /**
   * For route handlers: calls `handler` with user and profile. Without a profile, answers 401, 403 or 503 as JSON.
   *
   * @typeParam Req the handler's own type of request, such as `NextRequest`
   */
  withProvisioned<Req extends Request, Rest extends unknown[], Answer>(
    handler: (request: Req, profile: Profile<U, M, N>, ...rest: Rest) => Answer | Promise<Answer>,
  ): (request: Req, ...rest: Rest) => Promise<Answer | Response>;
};

/** Makes the functions for an app with the App Router. */
export function createProvisioning<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(options: ProvisioningOptions<U, M, N>): Provisioning<U, M, N> {
  return {
    async requireProvisioned(instead) {
      const identity = await options.identify();
      try {
        return await provision(options, identity);
      } catch (error) {
        if (error instanceof ProvisioningError && !identity?.userId)
          await (instead ?? options).onUnauthenticated?.(error);
        throw error;
      }
    },
    withProvisioned: (handler) => withProvisioned(options, handler),
  };
}
