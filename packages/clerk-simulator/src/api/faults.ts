import { z } from "zod";
import type { MembershipStores } from "../organizations/organizations.ts";
import type { Random } from "../random.ts";

const scope = {
  /** How many requests in scope pass before the fault hits one. */
  after: z.number().int().nonnegative().optional(),
  /** How many requests the fault hits; without it, the fault hits every request until it is healed. */
  times: z.number().int().positive().optional(),
  /** Share of the requests in scope that the fault hits. */
  share: z.number().min(0).max(1).optional(),
  /** Only requests that name this user, in the path or by `user_id`. */
  forUser: z.string().optional(),
  /** Only requests that name this organization, in the path or by `organization_id`. */
  forOrganization: z.string().optional(),
  /** Only requests of this method. */
  method: z.string().optional(),
  /** Only requests whose path starts with this. */
  path: z.string().optional(),
};

export const faultSchema = z.discriminatedUnion("kind", [
  /** An error of this status, 500 by default, in Clerk's error shape. */
  z.object({
    kind: z.literal("status"),
    status: z.number().int().min(400).max(599).optional(),
    /** Clerk's code of the error. */
    code: z.string().optional(),
    ...scope,
  }),
  z.object({
    kind: z.literal("rate-limit"),
    retryAfterS: z.number().int().nonnegative().optional(),
    ...scope,
  }),
  /** No answer until healed; then the normal answer. */
  z.object({ kind: z.literal("hang"), ...scope }),
  /** The connection breaks before the answer. */
  z.object({ kind: z.literal("reset"), ...scope }),
  /** 200 with a body that is not JSON. */
  z.object({ kind: z.literal("malformed"), ...scope }),
  /** The normal headers and half of the body; then the connection breaks. */
  z.object({ kind: z.literal("truncated"), ...scope }),
  /** 200 and no entry; hits only lists of users, organizations and memberships. */
  z.object({ kind: z.literal("empty-list"), ...scope }),
  /** 200 and the first half of the list; hits only such lists without ids. */
  z.object({ kind: z.literal("short-list"), ...scope }),
  /**
   * Reads are answered as of the moment at which the fault was added, like those of a replica that lags behind.
   * `reads`: all of them (the default), or lists and counts alone.
   */
  z.object({ kind: z.literal("stale"), reads: z.enum(["all", "lists"]).optional(), ...scope }),
  /** The normal answer, later. */
  z.object({ kind: z.literal("latency"), ms: z.number().nonnegative(), ...scope }),
]);
export type FaultInput = z.input<typeof faultSchema>;
export type Fault = FaultInput & { id: number; hits: number };

/** A fault that hits a request. `past`: from where a stale answer comes. */
export type InjectedFault = FaultInput & { past?: MembershipStores | undefined };

type FaultTarget = { method: string; path: string; userIds: string[]; organizationIds: string[] };

/** The ids in the path are no filter of the list. */
const lists = [
  { path: /^\/v1\/(users|organizations|organization_memberships)$/, idsInPath: 0 },
  { path: /^\/v1\/(organizations|users)\/[^/]+\/(organization_)?memberships$/, idsInPath: 1 },
];

export type Faults = {
  /** Adds a fault and returns its id. Of several faults in scope the oldest wins; latency combines with another fault. */
  add(fault: FaultInput): number;
  remove(id: number): void;
  /** Removes all faults and resumes hanging requests. */
  heal(): void;
  list(): Fault[];
  /** Returns the faults that hit a request, and counts the hits. */
  inject(target: FaultTarget): InjectedFault[];
  /** Resolves when the hang is healed or the simulator stops. */
  whenHealed(): Promise<void>;
};

/**
 * The faults of Clerk's API that tests have added. Shares use the seeded random source.
 *
 * @param copy what Clerk has at this moment
 */
export function createFaults(random: Random, copy: () => MembershipStores): Faults {
  let faults: (Fault & InjectedFault)[] = [];
  let nextId = 1;
  let hanging: (() => void)[] = [];

  function isDue(fault: Fault, target: FaultTarget): boolean {
    if (fault.method !== undefined && fault.method !== target.method) return false;
    if (fault.path !== undefined && !target.path.startsWith(fault.path)) return false;
    if (fault.forUser !== undefined && !target.userIds.includes(fault.forUser)) return false;
    const { forOrganization } = fault;
    if (forOrganization !== undefined && !target.organizationIds.includes(forOrganization)) return false;
    const list = target.method === "GET" ? lists.find(({ path }) => path.test(target.path)) : undefined;
    const ids = target.userIds.length + target.organizationIds.length;
    if (fault.kind === "empty-list" && !list) return false;
    if (fault.kind === "short-list" && list?.idsInPath !== ids) return false;
    if (fault.kind === "stale" && !isStaleRead(target, fault.reads === "lists")) return false;
    return fault.share === undefined || random.next() < fault.share;
  }

  function inject(target: FaultTarget): InjectedFault[] {
    const hit: typeof faults = [];
    for (const fault of faults) {
      const taken = fault.kind !== "latency" && hit.some((other) => other.kind !== "latency");
      if (taken || !isDue(fault, target)) continue;
      if (fault.after) fault.after--;
      else hit.push(fault);
    }
    for (const fault of hit) fault.hits++;
    faults = faults.filter((fault) => fault.times === undefined || fault.hits < fault.times);
    return hit;
  }

  function resumeHanging(): void {
    for (const resume of hanging) resume();
    hanging = [];
  }

  return {
    add(fault) {
      const id = nextId++;
      faults.push({ ...fault, id, hits: 0, past: fault.kind === "stale" ? copy() : undefined });
      return id;
    },
    remove(id) {
      const fault = faults.find((candidate) => candidate.id === id);
      faults = faults.filter((candidate) => candidate.id !== id);
      if (fault?.kind === "hang") resumeHanging();
    },
    heal() {
      faults = [];
      resumeHanging();
    },
    list: () => faults.map(({ past: _, ...fault }) => fault),
    inject,
    whenHealed: () => new Promise((resolve) => hanging.push(resolve)),
  };
}

function isStaleRead({ method, path }: FaultTarget, listsOnly: boolean): boolean {
  if (method !== "GET") return false;
  if (path === "/v1/users/count" || lists.some((list) => list.path.test(path))) return true;
  return !listsOnly && /^\/v1\/(users|organizations)\/[^/]+$/.test(path);
}
