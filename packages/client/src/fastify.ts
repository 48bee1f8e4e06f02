import type { Profile, UserRow } from "./rows.ts";
import { type KeptProfiles, keepProfiles } from "./server/kept-profiles.ts";
import { type Identity, identifyCaller, type ProvisionedOptions, provision } from "./server/provision.ts";
import { describeAnswer, ProvisioningError } from "./server/provisioning-error.ts";
import type { Mentorado, User } from "./wire.ts";

export { type Identity, type Profile, type ProvisionedOptions, ProvisioningError, type UserRow };

/** The used part of a reply of Fastify 4 and 5. */
type ReplyLike = {
  raw: { once(event: "close", listener: () => void): unknown };
  code(status: number): ReplyLike;
  headers(values: Record<string, string>): ReplyLike;
  send(body: string): unknown;
};

export type ProvisionedHook<Req, U extends UserRow, M extends object, N extends string = "mentorado"> = {
  (request: Req, reply: ReplyLike): Promise<unknown>;
  of: KeptProfiles<U, M, N>["of"];
};

/**
 * A hook for `onRequest` or `preHandler` that finds user and profile, which `of(request)` returns. A missing profile is
 * made first. Without a profile, the hook answers 401, 403 or 503 (with `Retry-After`) as `{"error":{"code","message"}}`.
 */
export function provisioned<
  Req extends object,
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(options: ProvisionedOptions<Req, U, M, N>): ProvisionedHook<Req, U, M, N> {
  const profiles = keepProfiles<U, M, N>();

  async function attach(request: Req, reply: ReplyLike): Promise<unknown> {
    const closed = new AbortController();
    reply.raw.once("close", () => closed.abort());
    try {
      profiles.keep(request, await provision(options, await identifyCaller(options, request), closed.signal));
      return undefined;
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
      const { status, headers, body } = describeAnswer(error);
      reply.code(status).headers(headers).send(body);
      // Fastify stops after a hook that returns its reply.
      return reply;
    }
  }

  return Object.assign(attach, { of: profiles.of });
}
