import { TRPCError, type TRPCMiddlewareFunction } from "@trpc/server";
import { type Profile, pickProfile, type UserRow } from "./rows.ts";
import { type Identity, identifyCaller, type ProvisionedOptions, provision } from "./server/provision.ts";
import { ProvisioningError } from "./server/provisioning-error.ts";
import type { Mentorado, User } from "./wire.ts";

export { type Identity, type Profile, type ProvisionedOptions, ProvisioningError, type UserRow };

const codes = { 401: "UNAUTHORIZED", 403: "FORBIDDEN", 503: "SERVICE_UNAVAILABLE" } as const;

/**
 * Middleware for `t.procedure.use()` that sets `ctx.user` and `ctx.mentorado`, or the profile under its name in the
 * mapping. A missing profile is made first. Without a profile, throws UNAUTHORIZED, FORBIDDEN or SERVICE_UNAVAILABLE, with
 * a message for people and a `ProvisioningError` as its cause.
 */
export function provisioned<
  Context,
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(options: ProvisionedOptions<Context, U, M, N>): Middleware<Context, Profile<U, M, N>> {
  const attach = async ({ ctx, next, signal }: Call<Context, Profile<U, M, N>>) => {
    const found = await identifyCaller(options, ctx)
      .then((identity) => provision(options, identity, signal))
      .catch(refuse);
    return next({ ctx: pickProfile<U, M, N>(found, options.client.profile) });
  };
  // The types are equivalent. But tRPC cannot resolve its type of `ctx` while Context is generic, and the marker in its
  // type of a middleware does not exist at run time.
  return attach as unknown as Middleware<Context, Profile<U, M, N>>;
}

type Middleware<Context, Added> = TRPCMiddlewareFunction<Context, unknown, object, Added, unknown>;

/** The used part of a middleware's options. */
type Call<Context, Added> = {
  ctx: Context;
  signal: AbortSignal | undefined;
  next(options: { ctx: Added }): ReturnType<Middleware<Context, Added>>;
};

function refuse(error: unknown): never {
  if (!(error instanceof ProvisioningError)) throw error;
  throw new TRPCError({ code: codes[error.status], message: error.message, cause: error });
}
