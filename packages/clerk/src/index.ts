export { createDeliveryReader, type Delivery, type DeliveryReader } from "./delivery.ts";
export {
  type ClerkGateway,
  createClerkGateway,
  type FetchResult,
  type ListedUser,
  maxIdsPerRead,
  maxUsersPerPage,
  type UserListQuery,
} from "./gateway.ts";
export {
  createSessionVerifier,
  type SessionIdentity,
  SessionRefusal,
  type SessionVerifier,
} from "./session-token.ts";
export type { ClerkUser } from "./user.ts";
