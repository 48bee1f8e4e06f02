import type { Mentorado, User } from "../wire.ts";
import type { Identity, ProvisionOptions, UserRow } from "./provision.ts";

/** Of a middleware that is handed its caller: `Call` is a request, or a context that was made of one. */
export type ProvisionedOptions<
  Call,
  U extends UserRow = User,
  M extends object = Mentorado,
> = ProvisionOptions<U, M> & {
  /** Who calls, such as by Clerk's `getAuth`: verified, and never from a bare header. */
  identify: (call: Call) => Identity | null | undefined | Promise<Identity | null | undefined>;
};
