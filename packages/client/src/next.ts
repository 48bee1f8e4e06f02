import { type Identity, type ProvisionOptions, provision } from "./server/provision.ts";
import { describeAnswer, ProvisioningError } from "./server/provisioning-error.ts";
import type { Profile, UserRow } from "./server/rows.ts";
import type { Mentorado, User } from "./wire.ts";

export { type Identity, type Profile, ProvisioningError, type UserRow };

export type ProvisioningOptions<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
> = ProvisionOptions<U, M, N> & {
  /** The verified caller: `auth` of `@clerk/nextjs/server`, or another function that verifies the session. */
  identify: () => Identity | null | undefined | Promise<Identity | null | undefined>;
};

export type Provisioning<U extends UserRow, M extends object, N extends string = "mentorado"> = {
  /**
   * For layouts, pages and server actions: returns user and profile. A missing profile is made first.
   *
   * @throws ProvisioningError; an `error.tsx` reads its code from `error.digest`: `rollcall:` and the code
   */
  requireProvisioned(): Promise<Profile<U, M, N>>;
  /** For route handlers: calls `handler` with user and profile. Without a profile, answers 401, 403 or 503 as JSON. */
  withProvisioned<Rest extends unknown[], Answer>(
    handler: (request: Request, profile: Profile<U, M, N>, ...rest: Rest) => Answer | Promise<Answer>,
  ): (request: Request, ...rest: Rest) => Promise<Answer | Response>;
};

/** Makes the functions for an app with the App Router. */
export function createProvisioning<
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(options: ProvisioningOptions<U, M, N>): Provisioning<U, M, N> {
  const provisionCaller = async (signal?: AbortSignal) =>
    provision(options, await options.identify(), signal);
  return {
    requireProvisioned: () => provisionCaller(),
    withProvisioned:
      (handler) =>
      async (request, ...rest) => {
        let profile: Profile<U, M, N>;
        try {
          profile = await provisionCaller(request.signal);
        } catch (error) {
          if (!(error instanceof ProvisioningError)) throw error;
          const { status, headers, body } = describeAnswer(error);
          return new Response(body, { status, headers });
        }
        return handler(request, profile, ...rest);
      },
  };
}
