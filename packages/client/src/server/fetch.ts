import type { Profile, UserRow } from "../rows.ts";
import type { Mentorado, User } from "../wire.ts";
import { identifyCaller, type ProvisionedOptions, provision } from "./provision.ts";
import { describeAnswer, ProvisioningError } from "./provisioning-error.ts";

/** The answer to a refused request: 401, 403 or 503 (with `Retry-After`) as `{"error":{"code","message"}}`. */
export function toResponse(error: ProvisioningError): Response {
  const { status, headers, body } = describeAnswer(error);
  return new Response(body, { status, headers });
}

/**
 * For servers of Fetch requests (Bun, Deno, workers): wraps a handler, which then runs only with user and profile. Without a
 * profile, the answer is 401, 403 or 503 (with `Retry-After`).
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
  return async (request, ...rest) => {
    let profile: Profile<U, M, N>;
    try {
      profile = await provision(options, await identifyCaller(options, request), request.signal);
    } catch (error) {
      if (error instanceof ProvisioningError) return toResponse(error);
      throw error;
    }
    return handler(request, profile, ...rest);
  };
}
