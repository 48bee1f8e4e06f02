import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeOnOneBackend } from "../harness/backends.ts";
import { ensure, readRows, untilProfile } from "../harness/calls.ts";
import { type RunningProcess, runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The fields of a run's row that these tests read. */
type Run = { id: number; state: string; pages: number; seen: number; counts: Record<string, number> };

/** The interval is a day, so that no scheduled catch-up interferes. */
const environment = { RECONCILE_CATCHUP_EVERY_MS: "86400000" };
/** These users fill seven pages. */
const seeded = 3_000;

// Rows in Postgres coordinate runs, so one backend is enough. reconcile.test.ts covers the queues.
describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment });
    await untilNoRunIsOpen();
    await system.clerk.users.seed(seeded);
    await runToEnd("reconcile");
  });
  afterAll(() => system?.stop());
  beforeEach(async () => {
    await system.clerk.faults.heal();
    await untilNoRunIsOpen();
  });

  function rollcall(...args: string[]): RunningProcess {
    return runProcess("apps/cli/dist/main.js", system.environment, args);
  }
  async function runToEnd(...args: string[]) {
    const command = rollcall(...args);
    return { code: await command.exited, output: command.output() };
  }
  async function readJson(...args: string[]): Promise<Run> {
    const { output } = await runToEnd(...args, "--json");
    // The cast is not checked: a missing property fails the test.
    return JSON.parse(output) as Run;
  }

  /** Waits until all runs have ended, the first boot's run included. */
  function untilNoRunIsOpen(): Promise<true> {
    return waitFor("the end of all runs", async () => {
      const { rows } = await system.db.query<{ finished_at: Date | null }>(
        "select finished_at from rollcall.runs",
      );
      return rows.length > 0 && rows.every((row) => row.finished_at) ? true : undefined;
    });
  }

  async function findOpenRun(): Promise<Run | undefined> {
    const { rows } = await system.db.query<Run>(
      "select id::int, state, pages, seen from rollcall.runs where state = 'running' and pages > 0",
    );
    return rows[0];
  }

  /** Starts a run that stops after its first pages until Clerk is healed. */
  async function startAndHold(): Promise<{ command: RunningProcess; run: Run }> {
    await system.clerk.faults.add({ kind: "latency", ms: 1_500 });
    const command = rollcall("reconcile");
    const run = await waitFor("a page", findOpenRun);
    await system.clerk.faults.add({ kind: "hang" });
    return { command, run };
  }

  function untilJoined(command: RunningProcess, { id }: Run): Promise<true> {
    return waitFor(`a command to join run ${id}`, async () =>
      command.output().includes(`Full sync ${id}, started by cli:`) ? true : undefined,
    );
  }

  async function deleteSilently(count: number): Promise<string[]> {
    const people = await system.clerk.users.list({ offset: 100, limit: count });
    for (const { id } of people) await system.clerk.users.delete(id, { silent: true });
    return people.map(({ id }) => id);
  }

  test("a run reports its counts by outcome and exits with 0", async () => {
    const person = await system.clerk.users.create({ firstName: "Hidden" }, { silent: true });
    const { code, output } = await runToEnd("reconcile");
    expect(code).toBe(0);
    expect(output).toMatch(/Full sync \d+ is done: 3,001 users in /);
    expect(output).toMatch(/ {2}created +1\n.* {2}linked +0\n.* {2}updated +0\n.* {2}unchanged +3,000\n/s);
    expect(output).toMatch(/ {2}deleted +0\n.* {2}held +0\n.* {2}failed +0\n/s);
    expect(output).not.toContain("Hidden");
    expect((await readRows(system, person.id)).mentorados).toHaveLength(1);
  });

  test("a dry run writes nothing and predicts the counts of the real run", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const [first] = await system.clerk.users.list({ limit: 1 });
    await system.clerk.users.update(first?.id ?? "", { firstName: "Renamed" }, { silent: true });
    const dry = await readJson("reconcile", "--dry-run");
    expect((await readRows(system, person.id)).users).toEqual([]);
    const { counts } = await readJson("reconcile");
    expect(counts).toEqual(dry.counts);
    expect(counts).toMatchObject({ created: 1, updated: 1 });
  });

  test("a catch-up writes recent changes", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const { code, output } = await runToEnd("reconcile", "--catch-up");
    expect(code).toBe(0);
    expect(output).toMatch(/Catch-up \d+ is done/);
    expect((await readRows(system, person.id)).mentorados).toHaveLength(1);
  });

  test("a run drops the session cache entries of the rows that it changes", async () => {
    const person = await system.clerk.users.create({ firstName: "Before" });
    await untilProfile(system, person.id);
    // The second call finds the row and fills the cache. The third call reads the cache.
    for (let call = 1; call <= 3; call++) await ensure(system, person.id);
    await system.clerk.users.update(person.id, { firstName: "After" }, { silent: true });
    await runToEnd("reconcile", "--catch-up");
    expect((await ensure(system, person.id)).body).toMatchObject({ user: { name: "After" } });
  });

  test("held deletions exit with 3 and a hint, and confirmed deletions are carried out under the caller's name", async () => {
    const gone = await deleteSilently(25);
    const { code, output } = await runToEnd("reconcile");
    expect(code).toBe(3);
    const [, id = ""] = /rollcall reconcile --confirm-deletions (\d+)/.exec(output) ?? [];
    expect((await runToEnd("reconcile", "--dry-run")).code).toBe(3);
    const confirmed = await runToEnd("reconcile", "--confirm-deletions", id);
    expect(confirmed).toMatchObject({
      code: 0,
      output: expect.stringContaining(`Full sync ${id}: 25 deleted.`),
    });
    const left = await system.db.query("select from users where clerk_id = any($1) and deleted_at is null", [
      gone,
    ]);
    expect(left.rowCount).toBe(0);
    const run = await readJson("runs", id);
    expect(run).toMatchObject({ state: "succeeded", confirmedBy: expect.stringMatching(/^cli:/) });
    const records = await system.db.query(
      "select ref from rollcall.events where kind = 'deletions_confirmed' and details->>'runId' = $1",
      [id],
    );
    expect(records.rows).toEqual([{ ref: expect.stringMatching(/^cli:/) }]);
    expect(await runToEnd("reconcile", "--confirm-deletions", id)).toMatchObject({
      code: 1,
      output: expect.stringContaining("run.not_held"),
    });
  });

  test("confirmed deletions that a constraint of the app refuses exit with 3, also when they are confirmed again", async () => {
    const [refused] = await deleteSilently(25);
    await system.db.query(`alter table users add constraint app_rule
      check (clerk_id <> '${refused}' or deleted_at is null)`);
    const held = await readJson("reconcile");
    const confirm = ["reconcile", "--confirm-deletions", String(held.id)];
    expect(await runToEnd(...confirm)).toMatchObject({
      code: 3,
      output: expect.stringContaining(`Full sync ${held.id}: 24 deleted. 1 refused`),
    });
    expect(await runToEnd(...confirm)).toMatchObject({
      code: 3,
      output: expect.stringContaining("Nothing was left to do: 1 are still held"),
    });
    await system.db.query("alter table users drop constraint app_rule");
    expect((await runToEnd("reconcile")).code).toBe(0);
    expect((await readRows(system, refused ?? "")).users).toMatchObject([{ deleted_at: expect.any(Date) }]);
  });

  test("a run that fails says why, exits with 1 and deletes no user", async () => {
    await system.clerk.faults.add({ kind: "empty-list" });
    const { code, output } = await runToEnd("reconcile");
    expect(code).toBe(1);
    expect(output).toMatch(/Full sync \d+ failed: Clerk listed no users.*\(reconcile\.list_empty\)/);
    expect(output).toContain("No user was deleted");
  });

  test("a user that could not be written is named by id and code", async () => {
    const [person] = await system.clerk.users.list({ limit: 1 });
    await system.db.query("alter table users add constraint app_rule check (name not like 'Refused%')");
    await system.clerk.users.update(person?.id ?? "", { firstName: "Refused" }, { silent: true });
    const { code, output } = await runToEnd("reconcile");
    expect(code).toBe(0);
    expect(output).toContain(`${person?.id}: user.rejected`);
    expect(output).not.toContain("Refused");
    await system.db.query("alter table users drop constraint app_rule");
    await runToEnd("reconcile");
  });

  test("commands that start at once share one run, and each reports it", async () => {
    const { command, run } = await startAndHold();
    const others = [rollcall("reconcile"), rollcall("reconcile")];
    for (const other of others) await untilJoined(other, run);
    await system.clerk.faults.heal();
    for (const one of [command, ...others]) {
      expect(await one.exited).toBe(0);
      expect(one.output()).toContain(`Full sync ${run.id} is done`);
    }
  });

  test("after Ctrl-C a worker continues the run and the command says so, and npm's second signal changes nothing", async () => {
    const { command, run } = await startAndHold();
    command.child.kill("SIGINT");
    command.child.kill("SIGINT");
    expect(await command.exited).toBe(1);
    expect(command.output()).toContain(`Full sync ${run.id} is not over`);
    expect(command.output()).toContain("A worker is alive and continues it");
    await system.clerk.faults.heal();
    await untilNoRunIsOpen();
    const ended = await readJson("runs", String(run.id));
    expect(ended.state).toBe("succeeded");
    // The worker continued the run and did not start it again, because each user was seen once.
    expect(ended.seen).toBe(await system.clerk.users.count());
  });

  test("after Ctrl-C without a worker the command says so, and the next command continues the run", async () => {
    await system.worker.stop();
    const { command, run } = await startAndHold();
    expect(await command.stop("SIGINT")).toBe(1);
    expect(command.output()).toContain(
      "No worker is alive to continue it. To continue it here: rollcall reconcile",
    );
    await system.clerk.faults.heal();
    const { output } = await runToEnd("reconcile");
    expect(output).toContain(`Full sync ${run.id}, started by cli:`);
    expect(output).toContain(`Full sync ${run.id} is done`);
    system.worker = system.startWorker();
    await system.untilReady();
  });

  test("a second command follows the run of the first, and both end when a third one cancels it", async () => {
    const { command, run } = await startAndHold();
    const second = rollcall("reconcile");
    await untilJoined(second, run);
    expect((await runToEnd("runs", "cancel", String(run.id))).output).toContain("stops within seconds");
    for (const one of [command, second]) {
      expect(await one.exited).toBe(1);
      expect(one.output()).toMatch(/was stopped after .* Cancelled by cli:/);
    }
    expect(await runToEnd("runs", "cancel", String(run.id))).toMatchObject({
      code: 1,
      output: expect.stringContaining("run.finished"),
    });
  });

  test("progress is printed as lines when the output is piped", async () => {
    const { command } = await startAndHold();
    await waitFor("a line", async () => (/\n.*\n/.test(command.output()) ? true : undefined));
    await system.clerk.faults.heal();
    await command.exited;
    expect(command.output()).toMatch(/Full sync \d+: \d+ %, [\d,]+ of [\d,]+.*\n/);
    expect(command.output()).not.toContain("\u001b");
  });

  test("runs are listed by mode, and each is shown with its reason", async () => {
    const list = await runToEnd("runs");
    expect(list.output).toMatch(/Full syncs\n.*id .*state.*\n(.*\n)*\nCatch-ups\n/);
    expect((await runToEnd("runs", "--mode", "full")).output).not.toContain("Catch-ups");
    const failed = /^ {2}(\d+) +failed/m.exec(list.output)?.[1] ?? "";
    expect((await runToEnd("runs", failed)).output).toContain("Clerk listed no users");
    expect(await runToEnd("runs", "999999")).toMatchObject({
      code: 1,
      output: expect.stringContaining("run.unknown"),
    });
  });

  test("without Clerk's key reconcile names the missing variable and creates no run", async () => {
    const { CLERK_SECRET_KEY: _, ...rest } = system.environment;
    const before = await readJson("runs");
    for (const args of [["reconcile"], ["reconcile", "--confirm-deletions", "1"]]) {
      const command = runProcess("apps/cli/dist/main.js", rest, args);
      expect(await command.exited).toBe(1);
      expect(command.output()).toContain("CLERK_SECRET_KEY is missing: reconcile reads every user");
    }
    expect(await readJson("runs")).toEqual(before);
  });
});

test.each([
  [["reconcile", "now"]],
  [["reconcile", "--confirm-deletions", "first"]],
  [["reconcile", "--confirm-deletions", "1", "--dry-run"]],
  [["reconcile", "--fast"]],
  [["runs", "first"]],
  [["runs", "cancel"]],
  [["runs", "--mode", "sideways"]],
])("%j exits with 2 and prints the usage", async (args) => {
  const command = runProcess("apps/cli/dist/main.js", {}, args);
  expect(await command.exited).toBe(2);
  expect(command.output()).toContain("Usage: rollcall");
});
