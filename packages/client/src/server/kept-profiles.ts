import type { Profile, UserRow } from "../rows.ts";

/** The profiles of requests in flight, kept beside the request objects of a framework. */
export type KeptProfiles<U extends UserRow, M extends object, N extends string> = {
  keep(request: object, profile: Profile<U, M, N>): void;
  /**
   * User and profile of a request, in the app's types.
   *
   * @throws Error for a request that did not pass the middleware
   */
  of(request: object): Profile<U, M, N>;
};

export function keepProfiles<U extends UserRow, M extends object, N extends string>(): KeptProfiles<U, M, N> {
  const profiles = new WeakMap<object, Profile<U, M, N>>();
  return {
    keep: (request, profile) => void profiles.set(request, profile),
    of(request) {
      const profile = profiles.get(request);
      if (!profile) throw new Error("provisioned() has not run before this handler");
      return profile;
    },
  };
}
