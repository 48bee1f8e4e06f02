import { growthAnswer, overview } from "@rollcall/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { untilProfile } from "../harness/calls.ts";
import { openStream } from "../harness/event-stream.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const readOverview = async () => overview.parse((await callAdmin(system, "/api/admin/overview")).body);

  test("a sign-up is streamed, listed, and counted by the worker once", async () => {
    const stream = await openStream(system);
    await waitFor("the stream to open", async () => stream.received.find(({ name }) => name === "opened"));
    const { id } = await system.clerk.users.create();
    await untilProfile(system, id);
    const streamed = await waitFor("both events", async () => {
      const found = stream.received.filter(({ name, data }) => name === "activity" && data["clerkId"] === id);
      return found.length === 2 ? found : undefined;
    });
    expect(streamed.map(({ data }) => data["kind"])).toEqual(["user_created", "mentorado_created"]);
    expect(streamed.map(({ data }) => String(data["id"]))).toEqual(streamed.map((event) => event.id));
    stream.close();

    const { body } = await callAdmin(system, `/api/admin/activity?clerkId=${id}`);
    expect((body as { items: { kind: string }[] }).items.map(({ kind }) => kind)).toEqual([
      "mentorado_created",
      "user_created",
    ]);
    const growth = async () => growthAnswer.parse((await callAdmin(system, "/api/admin/growth?days=1")).body);
    const before = (await growth()).items.at(-1);
    expect(before).toMatchObject({ signUps: 1, provisioned: 1, deleted: 0 });
    await waitFor(
      "the worker to count",
      async () => {
        const { rows } = await system.db.query("select counted_to from rollcall.activity_progress");
        return Number(rows[0].counted_to) >= Number(streamed[1]?.id) ? true : undefined;
      },
      60_000,
    );
    expect((await growth()).items.at(-1)).toEqual(before);
    const { timeToProfile, signUps } = await readOverview();
    expect(timeToProfile).toMatchObject([{ count: 1 }]);
    // An hour may have ended since then.
    const events = signUps?.hour.slice(-2).reduce((sum, hour) => sum + hour.events, 0);
    expect(events).toBeGreaterThanOrEqual(2);
  });

  test("the start of each process is a mark, and a restart another one", async () => {
    const readMarks = async () => (await readOverview()).marks ?? [];
    const first = await waitFor("a mark of each process", async () => {
      const marks = await readMarks();
      return marks.length === 2 ? marks : undefined;
    });
    expect(first.map(({ program }) => program).toSorted()).toEqual(["api", "worker"]);
    await system.worker.stop();
    system.worker = system.startWorker();
    const last = await waitFor("the mark of the restart", async () => (await readMarks()).at(2), 60_000);
    expect(last).toMatchObject({ program: "worker", kind: "restart", version: first[0]?.version });
  });

  test("a stopping api ends open streams and exits with 0, and a stream resumes at the next api", async () => {
    const stream = await openStream(system);
    await waitFor("the stream to open", async () => stream.received.find(({ name }) => name === "opened"));
    const before = await system.clerk.users.create();
    await untilProfile(system, before.id);
    const last = await waitFor("its events", async () => {
      const events = stream.received.filter(
        ({ name, data }) => name === "activity" && data["clerkId"] === before.id,
      );
      return events.length === 2 ? events.at(-1) : undefined;
    });
    const ends = stream.ended;
    expect(await system.api.stop("SIGTERM")).toBe(0);
    await ends;
    expect(stream.received.at(-1)).toMatchObject({ name: "end", data: { reason: "stopping" } });

    // The event is written while no api runs.
    const { rows } = await system.db.query(
      "insert into rollcall.events (clerk_id, kind, cause) values ('user_missed', 'user_updated', 'webhook') returning id",
    );
    system.api = system.startApi();
    await system.untilReady();
    const resumed = await openStream(system, { "last-event-id": String(last.id) });
    await waitFor("the missed event", async () => resumed.received.find(({ id }) => id === rows[0].id));
    expect(resumed.received.filter(({ name }) => name === "gap")).toEqual([]);
    resumed.close();
  });
});
