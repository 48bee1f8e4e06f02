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
export type { ClerkMembership, ClerkOrganization, MembershipPair } from "./organization.ts";
export type {
  ListedMembership,
  ListedOrganization,
  MembershipListQuery,
  MembershipPage,
  MembershipResult,
  OrganizationListQuery,
  OrganizationPage,
  OrganizationReads,
  OrganizationResult,
} from "./organization-reads.ts";
export type { PartlyRead } from "./read-fields.ts";
export {
  confirmMemberships,
  type MembershipAnswer,
  type MembershipLister,
  maxMembersPerConfirmation,
  readMembership,
} from "./read-membership.ts";
export {
  createSessionVerifier,
  type SessionIdentity,
  SessionRefusal,
  type SessionVerifier,
} from "./session-token.ts";
export type { ClerkField, ClerkUser } from "./user.ts";
