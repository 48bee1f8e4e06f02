import { type ClerkGateway, createClerkGateway } from "@rollcall/clerk";
import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { Mapping } from "@rollcall/contracts";
import { createPool } from "@rollcall/db";
import { noSessionCache } from "../ensure/session-cache.ts";
import { createOrganizationContext, type OrganizationContext } from "../organization/organization-context.ts";
import { createDeletionReader, createUserReader } from "../user/fetch-users.ts";
import { createRowReader } from "../user/read-rows.ts";
import { type SyncContext, syncUser } from "../user/sync-user.ts";
import { createUserWriter } from "../user/write-users.ts";
import { testDefaults } from "./fixtures.ts";

/** A read that waits before its request to Clerk, or before its answer arrives. */
export type HeldRead = { arrived: Promise<void>; release(): void };

/** A worker as in production, with readers, writers and connections of its own. */
export type TestWorker = {
  context: SyncContext;
  organizations: OrganizationContext;
  /** Holds back the next request to Clerk, or its answer. */
  holdNext(point: "before" | "after"): HeldRead;
  close(): Promise<void>;
};

export function createTestWorker(databaseUrl: string, clerk: ClerkSimulator, mapping?: Mapping): TestWorker {
  const pool = createPool({
    databaseUrl,
    ...(mapping && { mapping }),
    applicationName: "worker",
    max: 4,
    onIdleError: () => undefined,
  });
  const gateway = createClerkGateway({ secretKey: clerk.secretKey, apiUrl: clerk.url });
  const gate = createGate();
  const gated: ClerkGateway = {
    ...gateway,
    readUser: (id) => gate.pass(() => gateway.readUser(id)),
    readUsers: (ids) => gate.pass(() => gateway.readUsers(ids)),
    readOrganization: (id) => gate.pass(() => gateway.readOrganization(id)),
    readOrganizations: (ids) => gate.pass(() => gateway.readOrganizations(ids)),
    readMembership: (pair) => gate.pass(() => gateway.readMembership(pair)),
    readMemberships: (org, ids) => gate.pass(() => gateway.readMemberships(org, ids)),
  };
  const context: SyncContext = {
    pool,
    readRow: createRowReader(pool),
    readUser: createUserReader(gated, pool),
    readDeleted: createDeletionReader(gated),
    writeUser: createUserWriter(pool, testDefaults),
    sessionCache: noSessionCache,
    autoCreate: true,
  };
  return {
    context,
    organizations: createOrganizationContext(
      {
        pool,
        sessionCache: noSessionCache,
        refreshUser: (clerkId, { cause, eventAtMs }, attempt) =>
          syncUser(context, { v: 1, kind: "refresh", clerkId, cause, eventAtMs }, attempt),
      },
      gated,
    ),
    holdNext: gate.holdNext,
    close: async () => {
      await Promise.all([pool.end(), gateway.close()]);
    },
  };
}

function createGate() {
  let next: { point: "before" | "after"; arrive(): void; opened: Promise<void> } | undefined;
  return {
    holdNext(point: "before" | "after"): HeldRead {
      let arrive: () => void = () => undefined;
      let release: () => void = () => undefined;
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const opened = new Promise<void>((resolve) => {
        release = resolve;
      });
      next = { point, arrive, opened };
      return { arrived, release: () => release() };
    },
    async pass<T>(request: () => Promise<T>): Promise<T> {
      const held = next;
      next = undefined;
      if (!held) return request();
      if (held.point === "before") {
        held.arrive();
        await held.opened;
        return request();
      }
      const answer = await request();
      held.arrive();
      await held.opened;
      return answer;
    },
  };
}
