import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import { readErrorCode } from "@rollcall/contracts";
import type { Pool } from "@rollcall/db";
import type { OrganizationJob, SyncJob } from "@rollcall/jobs";
import { syncOrganization, syncUser } from "@rollcall/sync";
import type { HeldRead, TestWorker } from "@rollcall/sync/testing/workers";
import { z } from "zod";
import { createClerkSide } from "./clerk-side.ts";
import type { Delivery, History, Step } from "./history.ts";
import { checkChange, checkEnd } from "./invariants.ts";
import { type OrganizationRow, readChanges, readKeys, readMemberships } from "./recorder.ts";

export type World = {
  clerk: ClerkSimulator;
  /** The simulator's clock, which never shows a moment twice. */
  now: () => number;
  app: Pool;
  workers: readonly TestWorker[];
};

type Held = { read: HeldRead; outcomes: Promise<PromiseSettledResult<void>[]> };
type Job = SyncJob | OrganizationJob;

const tables =
  "users, mentorados, organizations, organization_memberships, rollcall.organization_states, rollcall.membership_states, rollcall.conflicts, rollcall.events, rollcall.held_deletions, rollcall.absences, recorder.changes";

/** These errors ask for another attempt, or say that a role cannot be read. */
const expectedErrors: readonly (string | undefined)[] = [
  "user.absent",
  "user.still_there",
  "clerk.unreadable",
];
const attemptsOfQueue = 5;

/**
 * Runs a history on an empty database and checks every write. Then it runs one job for each user, organization and
 * membership, and checks the end.
 *
 * @param run a number for the ids of this history, because Clerk's ids never return
 * @throws Error with every invariant that the first failing step broke
 */
export async function runHistory(world: World, steps: History, run: number): Promise<void> {
  const { app, clerk, workers } = world;
  await app.query(`truncate ${tables} restart identity cascade`);
  const side = createClerkSide(clerk, world.now, run);
  const { ledger } = side;
  let held: Held[] = [];
  let lastId = 0;
  let lag: number | undefined;

  /** Runs a job like a worker. @returns the code of the error that asks for another attempt */
  async function runJob(worker: number, job: Job, attempt: number): Promise<string | undefined> {
    const own = workers[worker];
    if (!own) throw new Error(`There is no worker ${worker}`);
    try {
      if ("clerkOrgId" in job) await syncOrganization(own.organizations, job, attempt);
      else await syncUser(own.context, job, attempt);
      return undefined;
    } catch (error) {
      const code = readErrorCode(error);
      if (!expectedErrors.includes(code)) throw error;
      return code;
    }
  }

  /** A deletion is signed only if it happened; otherwise the job is a refresh. */
  function toJob({ kind, of, person, team, formerPerson, formerTeam }: Delivery): Job {
    const clerkId = side.userId(person, formerPerson);
    const clerkOrgId = side.teamId(team, formerTeam);
    const isDelete = kind === "delete";
    const asked = { cause: "webhook", eventAtMs: world.now() } as const;
    switch (of) {
      case "user":
        return {
          ...{ ...asked, v: 1, clerkId },
          kind: isDelete && ledger.users.get(clerkId)?.isGone ? "delete" : "refresh",
        };
      case "organization": {
        const isGone = isDelete && ledger.teams.get(clerkOrgId)?.isGone;
        const named = { ...asked, v: 2, clerkOrgId } as const;
        return { ...named, kind: isGone ? "delete-organization" : "refresh-organization" };
      }
      case "membership": {
        const all = ledger.memberships.get(`${clerkOrgId} ${clerkId}`) ?? [];
        const ended = isDelete ? all.findLast(({ endedAtMs }) => endedAtMs !== null) : undefined;
        const named = { ...asked, v: 2, clerkOrgId, clerkId } as const;
        return ended
          ? { ...named, kind: "delete-membership", eventAtMs: ended.endedAtMs ?? 0 }
          : { ...named, kind: "refresh-membership" };
      }
      default:
        return of satisfies never;
    }
  }

  async function deliver(delivery: Delivery): Promise<void> {
    await runJob(delivery.worker, toJob(delivery), delivery.attempt);
  }

  async function hold(delivery: Delivery, point: "before" | "after"): Promise<void> {
    const read = workers[delivery.worker]?.holdNext(point);
    if (!read) return;
    // Settled, so that a failure before the release does not end the process.
    held.push({ read, outcomes: Promise.allSettled([deliver({ ...delivery, kind: "refresh" })]) });
    await read.arrived;
  }

  async function release(some: readonly Held[]): Promise<void> {
    held = held.filter((one) => !some.includes(one));
    for (const { read } of some) read.release();
    throwFirst((await Promise.all(some.map(({ outcomes }) => outcomes))).flat());
  }

  async function setLag(after: number | null): Promise<void> {
    if (lag !== undefined) await clerk.faults.remove(lag);
    lag = after === null ? undefined : await clerk.faults.add({ kind: "stale", reads: "lists", after });
  }

  async function perform(step: Step): Promise<void> {
    if ("clerk" in step) await side.perform(step);
    else if ("deliver" in step)
      await allDone([...step.deliver.map(deliver), release(step.withHeld ? held : [])]);
    else if ("hold" in step) await hold(step.hold, step.point);
    else if ("release" in step) await release(held.slice(step.release, step.release + 1));
    else if ("lag" in step) await setLag(step.lag);
  }

  /** Performs a step, then checks every write that it made. */
  async function checked(name: string, step: () => Promise<void>): Promise<void> {
    await step();
    const keys = await readKeys(app);
    const changes = await readChanges(app, lastId);
    lastId = changes.at(-1)?.id ?? lastId;
    const rows = await readMemberships(app);
    const broken = [
      ...changes.flatMap((change) => checkChange(ledger, keys, change)),
      ...rows.flatMap(({ pair, why }) => (why === null ? [] : [`${pair}: ${why}`])),
    ];
    if (broken.length > 0) throw new Error(`${name}: ${broken.join("; ")}`);
  }

  /** Runs a job as a queue does, until it needs no other attempt. */
  async function settle(worker: number, job: Job): Promise<void> {
    for (let attempt = 1; attempt <= attemptsOfQueue; attempt++)
      if ((await runJob(worker, job, attempt)) === undefined) return;
    throw new Error(`${JSON.stringify(job)}: became a dead letter`);
  }

  /** One job for everything that Clerk ever had. */
  function listJobs(): Job[] {
    const asked = { cause: "webhook", eventAtMs: world.now() } as const;
    const users = [...ledger.users].map(([clerkId, { isGone }]): Job => {
      return { ...asked, v: 1, clerkId, kind: isGone ? "delete" : "refresh" };
    });
    const teams = [...ledger.teams.values()].map(({ id: clerkOrgId, isGone }): Job => {
      return { ...asked, v: 2, clerkOrgId, kind: isGone ? "delete-organization" : "refresh-organization" };
    });
    const pairs = [...ledger.memberships].map(([pair, all]): Job => {
      const [clerkOrgId = "", clerkId = ""] = pair.split(" ");
      const ended = all.at(-1)?.endedAtMs ?? null;
      return {
        ...{ ...asked, v: 2, clerkOrgId, clerkId },
        ...(ended === null
          ? { kind: "refresh-membership" }
          : { kind: "delete-membership", eventAtMs: ended }),
      };
    });
    return [...pairs, ...users, ...teams];
  }

  try {
    for (const [index, step] of steps.entries()) await checked(`step ${index}`, () => perform(step));
    await checked("the end of the lag", async () => {
      await setLag(null);
      await side.mendRoles();
    });
    await checked("early releases", () => release(held.filter((_, index) => index % 2 === 0).reverse()));
    await checked("one run for each", () =>
      allDone(listJobs().map((job, index) => settle(index % workers.length, job))),
    );
    await checked("late releases", () => release(held));
  } finally {
    await setLag(null);
    await release(held).catch(() => undefined);
  }
  const memberships = new Map((await readMemberships(app)).map(({ pair, role }) => [pair, role]));
  const broken = checkEnd(ledger, { organizations: await readOrganizations(app), memberships });
  if (broken.length > 0) throw new Error(`the end: ${broken.join("; ")}`);
}

const organizations = `
select id, clerk_org_id, name, slug, image_url, members_count, deleted_at::text,
  (extract(epoch from clerk_created_at) * 1000)::float8 as clerk_created_at,
  (extract(epoch from clerk_updated_at) * 1000)::float8 as clerk_updated_at
from organizations
`;

async function readOrganizations(app: Pool): Promise<OrganizationRow[]> {
  const text = z.string().nullable();
  const row = z.object({
    ...{
      id: z.number(),
      clerk_org_id: z.string(),
      name: text,
      slug: text,
      image_url: text,
      deleted_at: text,
    },
    ...{ members_count: z.number().nullable() },
    ...{ clerk_created_at: z.number().nullable(), clerk_updated_at: z.number().nullable() },
  });
  return z.array(row).parse((await app.query(organizations)).rows);
}

/** Waits for all, also when one fails: work that goes on would disturb the next history. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  throwFirst(await Promise.allSettled(work));
}

function throwFirst(outcomes: readonly PromiseSettledResult<void>[]): void {
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
}
