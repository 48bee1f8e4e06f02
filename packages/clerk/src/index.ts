export { createDeliveryReader, type Delivery, type DeliveryReader } from "./delivery.ts";
export {
  type ClerkGateway,
  createClerkGateway,
  type FetchResult,
  type ListedUser,
  maxIdsPerRead,
  maxUsersPerPage,
  type PartlyReadUser,
  type UserListQuery,
} from "./gateway.ts";
export {
  createSessionVerifier,
  type SessionIdentity,
  SessionRefusal,
  type SessionVerifier,
} from "./session-token.ts";
export type { ClerkField, ClerkUser } from "./user.ts";
