export { createDeliveryReader, type Delivery, type DeliveryReader } from "./delivery.ts";
export {
  type ClerkGateway,
  createClerkGateway,
  maxIdsPerRead,
  type UserReading,
} from "./gateway.ts";
export { createSessionVerifier, type SessionIdentity, type SessionVerifier } from "./session-token.ts";
export type { ClerkUser } from "./user.ts";
