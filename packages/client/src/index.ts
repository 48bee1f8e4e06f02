export type { Locale } from "./locale.ts";
export {
  createRollcallClient,
  type EnsureOptions,
  type GetToken,
  type Provisioned,
  type Retry,
  type RollcallClient,
  type RollcallClientOptions,
} from "./rollcall-client.ts";
export { type OwnErrorCode, type RefusalCode, RollcallError } from "./rollcall-error.ts";
export type {
  EnsurePending,
  EnsureReady,
  ErrorBody,
  Key,
  Mentorado,
  Organization,
  Session,
  User,
} from "./wire.ts";
