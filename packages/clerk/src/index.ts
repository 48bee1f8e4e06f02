export { createDeliveryReader, type Delivery, type DeliveryReader } from "./delivery.ts";
export {
  type ClerkGateway,
  createClerkGateway,
  type ListedUser,
  maxIdsPerRead,
  maxUsersPerPage,
  type UserListQuery,
  type UserReading,
} from "./gateway.ts";
export { createSessionVerifier, type SessionIdentity, type SessionVerifier } from "./session-token.ts";
export type { ClerkUser } from "./user.ts";
