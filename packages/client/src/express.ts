import type { Profile, UserRow } from "./rows.ts";
import { type KeptProfiles, keepProfiles } from "./server/kept-profiles.ts";
import { type Identity, identifyCaller, type ProvisionedOptions, provision } from "./server/provision.ts";
import { describeAnswer, ProvisioningError } from "./server/provisioning-error.ts";
import type { Mentorado, User } from "./wire.ts";

export { type Identity, type Profile, type ProvisionedOptions, ProvisioningError, type UserRow };

/** The used part of a response: fits Express 4 and 5, and other responses of node:http. */
type ResponseLike = {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
  once(event: "close", listener: () => void): unknown;
};

export type ProvisionedMiddleware<
  Req,
  U extends UserRow,
  M extends object,
  N extends string = "mentorado",
> = {
  (req: Req, res: ResponseLike, next: (error?: unknown) => void): Promise<void>;
  of: KeptProfiles<U, M, N>["of"];
};

/**
 * Middleware that sets `req.rollcall` to user and profile. A missing profile is made first. Without a profile, the
 * middleware answers 401, 403 or 503 (with `Retry-After`) as `{"error":{"code","message"}}`.
 */
export function provisioned<
  Req extends object,
  U extends UserRow = User,
  M extends object = Mentorado,
  N extends string = "mentorado",
>(options: ProvisionedOptions<Req, U, M, N>): ProvisionedMiddleware<Req, U, M, N> {
  const profiles = keepProfiles<U, M, N>();

  async function attach(req: Req, res: ResponseLike, next: (error?: unknown) => void): Promise<void> {
    const closed = new AbortController();
    res.once("close", () => closed.abort());
    try {
      const profile = await provision(options, await identifyCaller(options, req), closed.signal);
      profiles.keep(req, profile);
      Object.assign(req, { rollcall: profile });
    } catch (error) {
      if (error instanceof ProvisioningError) answer(res, error);
      else next(error);
      return;
    }
    next();
  }

  return Object.assign(attach, { of: profiles.of });
}

function answer(res: ResponseLike, error: ProvisioningError): void {
  const { status, headers, body } = describeAnswer(error);
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.end(body);
}
