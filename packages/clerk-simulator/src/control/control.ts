import type { Fault, FaultInput } from "../api/faults.ts";
import type { RateLimit, RateWindow } from "../api/rate-limit.ts";
import type { LoggedRequest, RequestFilter, RequestTotals } from "../api/request-log.ts";
import type { ClerkMembership, ClerkOrganization } from "../organizations/clerk-organization.ts";
import type {
  MembershipInput,
  MembershipPatch,
  OrganizationInput,
  OrganizationPatch,
  OrganizationSeed,
} from "../organizations/organizations.ts";
import type { SessionTokenInput } from "../sessions.ts";
import type { ClerkUser } from "../users/clerk-user.ts";
import type { HistoryEntry, HistoryFilter } from "../users/history.ts";
import type { UserInput, UserPatch } from "../users/user-input.ts";
import type { ChangeOptions, SeedOptions } from "../users/users.ts";
import type { CurrentDisturbance, Disturbance } from "../webhooks/disturbance.ts";
import type { MessageFilter, WebhookMessage, WebhookTotals } from "../webhooks/message-log.ts";
import type { WebhookHeaders } from "../webhooks/sender.ts";
import type { WebhookPatch, WebhookSettings } from "../webhooks/settings.ts";
import type { DrainOptions, ReleaseOptions, SignOptions } from "../webhooks/webhooks.ts";

/**
 * The operations by which tests, the demo and the bench control the simulator. They are the same in this process and from
 * another one, so all of them use promises and JSON. An operation fails with an `Error` that names the cause, such as an
 * unknown user.
 */
export type ClerkControl = {
  users: {
    create(input?: UserInput, options?: ChangeOptions): Promise<ClerkUser>;
    update(id: string, patch: UserPatch, options?: ChangeOptions): Promise<ClerkUser>;
    delete(id: string, options?: ChangeOptions): Promise<void>;
    ban(id: string): Promise<ClerkUser>;
    unban(id: string): Promise<ClerkUser>;
    get(id: string): Promise<ClerkUser>;
    find(id: string): Promise<ClerkUser | null>;
    /** Oldest first; 500 by default, without an upper limit. */
    list(paging?: { offset?: number | undefined; limit?: number | undefined }): Promise<ClerkUser[]>;
    count(): Promise<number>;
    /** Adds synthetic users without webhooks. */
    seed(count: number, options?: SeedOptions): Promise<void>;
  };
  organizations: {
    create(input?: OrganizationInput, options?: ChangeOptions): Promise<ClerkOrganization>;
    update(id: string, patch: OrganizationPatch, options?: ChangeOptions): Promise<ClerkOrganization>;
    /** Ends its memberships too. */
    delete(id: string, options?: ChangeOptions): Promise<void>;
    find(id: string): Promise<ClerkOrganization | null>;
    /** In the order in which they were made; 500 by default, without an upper limit. */
    list(paging?: { offset?: number | undefined; limit?: number | undefined }): Promise<ClerkOrganization[]>;
    count(): Promise<number>;
    /** Adds organizations without webhooks. Their members are users that exist. */
    seed(count: number, options?: OrganizationSeed): Promise<void>;
  };
  memberships: {
    create(
      organizationId: string,
      userId: string,
      input?: MembershipInput,
      options?: ChangeOptions,
    ): Promise<ClerkMembership>;
    update(
      organizationId: string,
      userId: string,
      patch: MembershipPatch,
      options?: ChangeOptions,
    ): Promise<ClerkMembership>;
    delete(organizationId: string, userId: string, options?: ChangeOptions): Promise<void>;
    find(organizationId: string, userId: string): Promise<ClerkMembership | null>;
    /** Oldest first; 500 by default, without an upper limit. */
    list(paging?: { offset?: number | undefined; limit?: number | undefined }): Promise<ClerkMembership[]>;
    count(): Promise<number>;
  };
  sessions: {
    /** Signs a user in, which sends `session.created`. Returns the session's id. */
    signIn(userId: string, options?: { silent?: boolean | undefined }): Promise<string>;
    /** Rejects for an `organizationId` of which the user is no member. */
    mintToken(input: SessionTokenInput): Promise<string>;
  };
  webhooks: {
    configure(patch: WebhookPatch): Promise<WebhookSettings>;
    settings(): Promise<WebhookSettings>;
    disturb(disturbance: Disturbance): Promise<void>;
    calm(): Promise<void>;
    disturbance(): Promise<CurrentDisturbance>;
    hold(): Promise<void>;
    release(options?: ReleaseOptions): Promise<void>;
    list(filter?: MessageFilter): Promise<WebhookMessage[]>;
    totals(): Promise<WebhookTotals>;
    /** Resolves when no delivery is due, in flight or delayed. Held deliveries and later retries do not count. */
    drain(options?: DrainOptions): Promise<void>;
    /** Headers for a body that a test posts itself. */
    sign(body: string, options?: SignOptions): Promise<WebhookHeaders>;
    /** Sends an event of any type with any `data`. */
    send(type: string, data: unknown): Promise<void>;
  };
  faults: {
    /** Returns the fault's id. */
    add(fault: FaultInput): Promise<number>;
    remove(id: number): Promise<void>;
    /** Removes every fault and answers the hanging requests. */
    heal(): Promise<void>;
    list(): Promise<Fault[]>;
  };
  requests: {
    list(filter?: RequestFilter): Promise<LoggedRequest[]>;
    totals(): Promise<RequestTotals>;
    clear(): Promise<void>;
    setRateLimit(limit: RateLimit | null): Promise<void>;
    windows(): Promise<RateWindow[]>;
  };
  history: {
    list(filter?: HistoryFilter): Promise<HistoryEntry[]>;
  };
};

/** The settings by which another process uses the simulator as its Clerk. */
export type ClerkSimulatorInfo = {
  url: string;
  port: number;
  secretKey: string;
  /** Public key of session tokens, PEM. */
  jwtKey: string;
};

/** A simulator in another process. */
export type RemoteClerkSimulator = ClerkControl & ClerkSimulatorInfo;

/** A simulator in this process. */
export type ClerkSimulator = RemoteClerkSimulator & { stop(): Promise<void> };
