import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callAdmin, listAll } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { type Answer, readRows, withQueue } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The fields of a `RunView` that these tests read. */
type Run = {
  id: number;
  mode: string;
  dryRun: boolean;
  state: string;
  startedBy: string;
  confirmedBy: string | null;
  reason: string | null;
  seen: number;
  counts: Record<string, number>;
  finishedAt: string | null;
};

/** The interval is a day, so that no scheduled catch-up interferes. */
const environment = { RECONCILE_CATCHUP_EVERY_MS: "86400000" };

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment });
  });
  afterAll(() => system?.stop());
  // Waits for the first boot's run and for the runs of the test before.
  beforeEach(async () => {
    await system.clerk.faults.heal();
    if (system.worker.child.exitCode !== null) system.worker = system.startWorker();
    await system.untilReady();
    await waitFor("the end of all runs", async () =>
      (await listRuns()).every((run) => run.finishedAt !== null) && (await listRuns("?mode=full")).length > 0
        ? true
        : undefined,
    );
  });

  const get = (path: string) => callAdmin(system, `/api/admin/${path}`);
  const post = (path: string, body?: unknown) =>
    callAdmin(system, `/api/admin/${path}`, { method: "POST", body });

  async function listRuns(query = ""): Promise<Run[]> {
    const { body } = await get(`runs${query}`);
    return (body as { items: Run[] }).items;
  }
  // The cast is not checked: a missing property fails the test.
  const readRun = async (id: number) => (await get(`runs/${id}`)).body as Run;
  const readId = ({ body }: Answer) => (body as { runId: number }).runId;

  function untilState(id: number, state: string): Promise<Run> {
    return waitFor(`run ${id} to be ${state}`, async () => {
      const run = await readRun(id);
      return run.state === state ? run : undefined;
    });
  }

  async function readRecords(kind: string): Promise<unknown[]> {
    const { rows } = await system.db.query(
      "select cause, ref, details from rollcall.events where kind = $1 and clerk_id is null order by id",
      [kind],
    );
    return rows;
  }

  /** Makes a full sync that holds its deletions, because too many users are gone. */
  async function makeHeldRun(): Promise<{ held: Run; goneIds: string[]; thereId: string }> {
    const people = [];
    for (let person = 0; person < 8; person++) {
      people.push(await system.clerk.users.create({}, { silent: true }));
    }
    await untilState(readId(await post("reconcile")), "succeeded");
    const [there, ...gone] = people;
    for (const { id } of gone) await system.clerk.users.delete(id, { silent: true });
    const held = await untilState(readId(await post("reconcile")), "held");
    expect(held.counts).toMatchObject({ deleted: 0, held: gone.length });
    return { held, goneIds: gone.map(({ id }) => id), thereId: there?.id ?? "" };
  }

  test("a requested full sync does its work, and its row and the timeline name the caller", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const answer = await post("reconcile");
    expect(answer.status).toBe(202);
    const run = await untilState(readId(answer), "succeeded");
    expect(run).toMatchObject({ mode: "full", dryRun: false, startedBy: "admin", counts: { created: 1 } });
    expect((await readRows(system, person.id)).mentorados).toHaveLength(1);
    const records = await readRecords("reconcile_requested");
    expect(records).toContainEqual({
      cause: "admin",
      ref: "admin",
      details: { runId: run.id, mode: "full", dryRun: false, held: 0 },
    });
  });

  test("a dry run reports the changes that a run would make, and makes none", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const run = await untilState(readId(await post("reconcile", { dryRun: true })), "succeeded");
    expect(run).toMatchObject({ dryRun: true, counts: { created: 1 } });
    expect((await readRows(system, person.id)).users).toEqual([]);
  });

  test("the differences of a dry run are listed page by page, are a filter of users, and end with the repair", async () => {
    const people = [];
    for (let count = 0; count < 3; count++)
      people.push(await system.clerk.users.create({ firstName: "Ana" }, { silent: true }));
    await untilState(readId(await post("reconcile")), "succeeded");
    const [changed = people[0], missing] = [people[1], await system.clerk.users.create({}, { silent: true })];
    await system.clerk.users.update(changed?.id ?? "", { firstName: "Other" }, { silent: true });
    const run = await untilState(readId(await post("reconcile", { dryRun: true })), "succeeded");
    const items: unknown[] = [];
    let cursor: string | null = "";
    do {
      const page = (await get(`runs/${run.id}/differences?limit=1${cursor && `&cursor=${cursor}`}`)).body as {
        items: unknown[];
        nextCursor: string | null;
        complete: boolean;
      };
      expect(page.complete).toBe(true);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(items).toHaveLength(2);
    expect(items).toEqual(
      expect.arrayContaining([
        { clerkId: changed?.id, name: "Ana", kind: "updated", code: null },
        { clerkId: missing.id, name: null, kind: "created", code: null },
      ]),
    );
    const drifted = () => listAll(system, "/api/admin/users?drifted=true");
    expect(await drifted()).toMatchObject([{ clerkId: changed?.id }]);
    await untilState(readId(await post("reconcile")), "succeeded");
    expect(await drifted()).toEqual([]);
    await system.db.query("delete from rollcall.run_differences");
    expect((await get(`runs/${run.id}/differences`)).body).toEqual({
      items: [],
      nextCursor: null,
      complete: false,
    });
    expect(await get("runs/999999/differences")).toMatchObject({ status: 404 });
  });

  test("the schedules have their last run and the next time", async () => {
    const { status, body } = await get("schedules");
    expect(status).toBe(200);
    expect(body).toEqual({
      items: [
        expect.objectContaining({
          mode: "full",
          pattern: expect.stringMatching(/^\S+ \S+ \S+ \S+ \S+$/),
          everyMs: null,
          lastRun: expect.objectContaining({ mode: "full" }),
          nextAt: expect.stringMatching(/^\d{4}-/),
        }),
        expect.objectContaining({
          mode: "catch-up",
          pattern: null,
          everyMs: 86_400_000,
          nextAt: expect.any(String),
        }),
      ],
      nextCursor: null,
    });
  });

  test("a catch-up writes recent changes", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const run = await untilState(readId(await post("reconcile", { mode: "catch-up" })), "succeeded");
    expect(run.mode).toBe("catch-up");
    expect((await readRows(system, person.id)).mentorados).toHaveLength(1);
  });

  test("the job is in the queue before the answer, and a second request returns the same run and adds no job", async () => {
    await system.worker.stop();
    const asked = await Promise.all([post("reconcile"), post("reconcile", {}), post("reconcile")]);
    expect(asked.map(({ status }) => status)).toEqual([202, 202, 202]);
    const [runId = 0, ...others] = asked.map(readId);
    expect(others).toEqual([runId, runId]);
    const queued = await withQueue(system, "reconcile", async (queue) =>
      (await queue.getJobs(["waiting"])).map((job) => job.data),
    );
    expect(queued).toEqual([{ v: 1, mode: "full", runId }]);
    const otherwise = [
      await post("reconcile", { mode: "catch-up" }),
      await post("reconcile", { dryRun: true }),
    ];
    expect(new Set([runId, ...otherwise.map(readId)]).size).toBe(3);
    system.worker = system.startWorker();
    await untilState(runId, "succeeded");
  });

  test("a waiting run is cancelled at once, and a finished run cannot be cancelled", async () => {
    await system.worker.stop();
    const id = readId(await post("reconcile"));
    const cancelled = await post(`runs/${id}/cancel`);
    expect(cancelled).toMatchObject({
      status: 202,
      body: { id, state: "cancelled", reason: "Cancelled by admin" },
    });
    expect(await post(`runs/${id}/cancel`)).toMatchObject({
      status: 409,
      body: { error: { code: "run.finished" } },
    });
    expect(await readRecords("reconcile_cancelled")).toContainEqual({
      cause: "admin",
      ref: "admin",
      details: { runId: id, mode: "full", dryRun: false, held: 0 },
    });
    // The job of the cancelled run is still in the queue and must not start it.
    system.worker = system.startWorker();
    await untilState(readId(await post("reconcile")), "succeeded");
    expect((await readRun(id)).state).toBe("cancelled");
  });

  test("a running run stops when it is cancelled, and the timeline names the caller", async () => {
    await system.clerk.faults.add({ kind: "status", status: 503 });
    const id = readId(await post("reconcile"));
    await untilState(id, "running");
    expect((await post(`runs/${id}/cancel`)).status).toBe(202);
    await untilState(id, "cancelled");
    expect(await readRecords("reconcile_cancelled")).toContainEqual(
      expect.objectContaining({ ref: "admin", details: expect.objectContaining({ runId: id }) }),
    );
  });

  test("held deletions are carried out by a worker once an operator confirms, and run and timeline name the operator", async () => {
    const { held, goneIds, thereId } = await makeHeldRun();
    const listed = async () => {
      const { body } = await get(`runs/${held.id}/held`);
      return (body as { items: { clerkId: string }[] }).items;
    };
    expect((await listed()).map(({ clerkId }) => clerkId).toSorted()).toEqual(goneIds.toSorted());
    await system.db.query("update users set name = 'Ana', email = 'ana@example.com' where clerk_id = $1", [
      goneIds[0],
    ]);
    expect(await listed()).toContainEqual({
      ...{ clerkId: goneIds[0], name: "Ana", email: "ana@example.com" },
      heldAt: expect.stringMatching(/^\d{4}-/),
    });
    expect(await post(`runs/${held.id}/confirm-deletions`)).toMatchObject({
      status: 202,
      body: { runId: held.id },
    });
    const run = await untilState(held.id, "succeeded");
    expect(run).toMatchObject({ confirmedBy: "admin", counts: { deleted: goneIds.length, held: 0 } });
    expect(await listed()).toEqual([]);
    for (const id of goneIds) {
      expect((await readRows(system, id)).users).toMatchObject([{ deleted_at: expect.any(Date) }]);
    }
    expect((await readRows(system, thereId)).users).toMatchObject([{ deleted_at: null }]);
    expect(await readRecords("deletions_confirmed")).toContainEqual({
      cause: "admin",
      ref: "admin",
      details: { runId: held.id, mode: "full", dryRun: false, held: goneIds.length },
    });
    expect(await post(`runs/${held.id}/confirm-deletions`)).toMatchObject({
      status: 409,
      body: { error: { code: "run.not_held" } },
    });
  });

  test("a confirmation survives the death of the worker before it starts, and is carried out once", async () => {
    const { held, goneIds } = await makeHeldRun();
    await system.worker.stop("SIGKILL");
    const confirm = () => post(`runs/${held.id}/confirm-deletions`);
    expect((await Promise.all([confirm(), confirm()])).map(({ status }) => status)).toEqual([202, 202]);
    expect(await readRun(held.id)).toMatchObject({ state: "held", confirmedBy: "admin" });
    system.worker = system.startWorker();
    expect((await untilState(held.id, "succeeded")).counts["deleted"]).toBe(goneIds.length);
  });

  test("a confirmation whose worker dies during the work is carried out by the next worker", async () => {
    const { held, goneIds } = await makeHeldRun();
    await system.clerk.faults.add({ kind: "hang" });
    await post(`runs/${held.id}/confirm-deletions`);
    await waitFor("the confirmation to hold the lease", async () => {
      const { rows } = await system.db.query(
        "select from rollcall.leases where name = 'full' and expires_at > now()",
      );
      return rows.length > 0 ? true : undefined;
    });
    await system.worker.stop("SIGKILL");
    await system.clerk.faults.heal();
    // The lease of a dead holder expires after a minute. Here it expires sooner, but only after the next worker met it.
    await system.db.query("update rollcall.leases set expires_at = now() + interval '30 seconds'");
    system.worker = system.startWorker();
    const run = await waitFor(
      "the deletions",
      async () => {
        const found = await readRun(held.id);
        return found.state === "succeeded" ? found : undefined;
      },
      120_000,
    );
    expect(run.counts["deleted"]).toBe(goneIds.length);
  });

  // With queues on Postgres the job itself is unreachable while Postgres is away.
  if (backend === "redis") {
    test("a confirmation waits while Postgres is away, and costs no attempt", async () => {
      const { held, goneIds } = await makeHeldRun();
      await system.worker.stop("SIGKILL");
      expect((await post(`runs/${held.id}/confirm-deletions`)).status).toBe(202);
      await system.postgres.stop("immediate");
      system.worker = system.startWorker();
      const job = await withQueue(system, "reconcile", (queue) =>
        waitFor("the job to be snoozed twice", async () => {
          const jobs = await queue.getJobs(["delayed"]);
          return jobs.find(
            ({ name, attemptsStarted }) => name === "confirm-deletions" && attemptsStarted > 1,
          );
        }),
      );
      expect(job.attemptsMade).toBe(0);
      await system.restartPostgres();
      expect((await untilState(held.id, "succeeded")).counts["deleted"]).toBe(goneIds.length);
    });
  }

  test("deletions cannot be confirmed while a full sync is requested, nor after a newer full sync has ended", async () => {
    const { held, goneIds } = await makeHeldRun();
    await system.worker.stop();
    const id = readId(await post("reconcile"));
    expect(await post(`runs/${held.id}/confirm-deletions`)).toMatchObject({
      status: 409,
      body: { error: { code: "run.busy" } },
    });
    system.worker = system.startWorker();
    await untilState(id, "held");
    expect(await post(`runs/${held.id}/confirm-deletions`)).toMatchObject({
      status: 409,
      body: { error: { code: "run.superseded" } },
    });
    // The deletions of the newest full sync can be confirmed.
    expect((await post(`runs/${id}/confirm-deletions`)).status).toBe(202);
    expect((await untilState(id, "succeeded")).counts["deleted"]).toBe(goneIds.length);
  });

  test("runs are listed newest first, page by page, of one mode or of both", async () => {
    await untilState(readId(await post("reconcile", { mode: "catch-up" })), "succeeded");
    const all = await listRuns();
    expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort((a, b) => b - a));
    expect(new Set(all.map(({ mode }) => mode))).toEqual(new Set(["full", "catch-up"]));
    expect((await listRuns("?mode=full")).every(({ mode }) => mode === "full")).toBe(true);
    const paged: Run[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body } = await get(`runs?limit=3${cursor && `&cursor=${cursor}`}`);
      const page = body as { items: Run[]; nextCursor: string | null };
      paged.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(paged).toEqual(all);
  });

  test.each([
    ["POST", "reconcile", { mode: "sideways" }, /mode/],
    ["POST", "reconcile", { dryRun: "yes" }, /dryRun/],
    ["POST", "reconcile", { dryrun: true }, /dryrun/],
    ["POST", "reconcile", [], /body/],
    ["GET", "runs?mode=sideways", undefined, /mode/],
    ["GET", "runs?limit=0", undefined, /limit/],
    ["GET", "runs?cursor=later", undefined, /must be a nextCursor/],
    ["GET", "runs/first", undefined, /id/],
    ["POST", "runs/first/cancel", undefined, /id/],
    ["POST", "runs/0/confirm-deletions", undefined, /id/],
  ])("%s %s with wrong input %j answers 400 and names the mistake", async (method, path, body, message) => {
    const answer = await callAdmin(system, `/api/admin/${path}`, { method, body });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: "request.malformed", message: expect.stringMatching(message) } },
    });
  });

  test.each([
    ["GET", "runs/999999"],
    ["POST", "runs/999999/cancel"],
    ["POST", "runs/999999/confirm-deletions"],
  ])("%s %s answers 404 for an unknown run", async (method, path) => {
    expect(await callAdmin(system, `/api/admin/${path}`, { method })).toMatchObject({
      status: 404,
      body: { error: { code: "run.unknown" } },
    });
  });

  test("while queue or Postgres is away no run is accepted, and a request afterwards starts one", async () => {
    if (system.redis) {
      await system.redis.stop();
      expect(await post("reconcile")).toMatchObject({
        status: 503,
        body: { error: { code: "queue.unavailable" } },
      });
      await system.restartRedis();
    } else {
      await system.postgres.stop("immediate");
      expect(await post("reconcile")).toMatchObject({
        status: 503,
        body: { error: { code: "postgres.unavailable" } },
      });
      await system.restartPostgres();
    }
    const id = await waitFor("an accepted run", async () => {
      const answer = await post("reconcile");
      return answer.status === 202 ? readId(answer) : undefined;
    });
    await untilState(id, "succeeded");
  });
});

describe("without ADMIN_PASSWORD", () => {
  test("no route of reconcile exists", async () => {
    const system = await startSystem({
      backend: "postgres",
      environment: { ...environment, ADMIN_PASSWORD: "" },
    });
    for (const path of ["reconcile", "runs/1/cancel", "runs/1/confirm-deletions"]) {
      expect((await callAdmin(system, `/api/admin/${path}`, { method: "POST" })).status).toBe(404);
    }
    for (const path of ["runs", "runs/1"]) {
      expect((await callAdmin(system, `/api/admin/${path}`)).status).toBe(404);
    }
    const { rows } = await system.db.query("select from rollcall.runs where started_by = 'admin'");
    expect(rows).toEqual([]);
    await system.stop();
  });
});
