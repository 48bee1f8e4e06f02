import type { ClerkUser } from "./clerk-user.ts";
import type { Fault, FaultInput } from "./faults.ts";
import type { HistoryEntry, HistoryFilter } from "./history.ts";
import type { RateLimit, RateWindow } from "./rate-limit.ts";
import type { LoggedRequest, RequestFilter, RequestTotals } from "./request-log.ts";
import type { TokenInput } from "./session-tokens.ts";
import type { UserInput, UserPatch } from "./user-input.ts";
import type { ChangeOptions, SeedOptions } from "./users.ts";
import type { CurrentDisturbance, Disturbance } from "./webhook-disturbance.ts";
import type { MessageFilter, WebhookMessage, WebhookTotals } from "./webhook-log.ts";
import type { WebhookPatch, WebhookSettings } from "./webhook-settings.ts";
import type { WebhookHeaders } from "./webhook-signature.ts";
import type { DrainOptions, ReleaseOptions, SignOptions } from "./webhooks.ts";

/**
 * What a test, a demo or a bench does to the simulator. The same in process and from another process, hence
 * promises and JSON throughout. Fails with an `Error` that names the cause, such as a user who is not there.
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
    /** Oldest first; 500 by default, as many as wanted. */
    list(paging?: { offset?: number | undefined; limit?: number | undefined }): Promise<ClerkUser[]>;
    count(): Promise<number>;
    /** Adds synthetic users at once, without webhooks. */
    seed(count: number, options?: SeedOptions): Promise<void>;
  };
  sessions: {
    /** Signs a user in: `session.created` goes out. Returns the session's id. */
    signIn(userId: string, options?: { silent?: boolean | undefined }): Promise<string>;
    mintToken(input: TokenInput): Promise<string>;
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
    /** Resolves when no delivery is due, in flight or delayed; held ones and later retries do not count. */
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
    /** Removes every fault and answers what hangs. */
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

/** What another process must know to use the simulator as its Clerk. */
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
