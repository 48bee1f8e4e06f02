import type { UserReport } from "@rollcall/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnOneBackend } from "../harness/backends.ts";
import { ensure, readRows, untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

type Conflict = { id: number; clerkId: string; reason: string; candidateIds: number[] };

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
    await system.db.query(
      "create table app_notes (id serial primary key, mentorado_id int references mentorados (id) on delete cascade)",
    );
  });
  afterAll(() => system?.stop());

  let people = 0;

  /** Makes a conflict: a new user's email matches two unclaimed profiles. */
  async function makeConflict() {
    const email = `person${++people}@example.com`;
    const waiting = await system.db.query(
      "insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1) returning id",
      [email],
    );
    const person = await system.clerk.users.create({ email });
    const rows = await untilProfile(system, person.id);
    const [conflict] = (await listOpen()).filter((open) => open.clerkId === person.id);
    if (!conflict) throw new Error("No conflict was opened");
    const candidates: number[] = waiting.rows.map((row) => row.id);
    return { person, conflict, candidates, freshId: Number(rows.mentorados[0]?.["id"]) };
  }

  async function listOpen(): Promise<Conflict[]> {
    const { body } = await callAdmin(system, "/api/admin/conflicts");
    return (body as { items: Conflict[] }).items;
  }

  const resolve = (id: number, body: unknown) =>
    callAdmin(system, `/api/admin/conflicts/${id}/resolve`, { method: "POST", body });

  test("the list of conflicts names user, candidates and reason, without emails", async () => {
    const { conflict, candidates } = await makeConflict();
    expect(conflict).toMatchObject({ reason: "several_candidates", candidateIds: candidates });
    expect(conflict).toHaveProperty("name");
    expect(JSON.stringify(await listOpen())).not.toContain("@example.com");
  });

  test("its page has user and candidates side by side, and what each choice does", async () => {
    const { person, conflict, candidates, freshId } = await makeConflict();
    const read = async () => (await callAdmin(system, `/api/admin/conflicts/${conflict.id}`)).body;
    const [one, two] = candidates;
    expect(await read()).toMatchObject({
      id: conflict.id,
      clerkId: person.id,
      reason: "several_candidates",
      user: { clerkId: person.id },
      present: { id: freshId },
      candidates: [
        { id: one, nomeCompleto: "one", userId: null },
        { id: two, nomeCompleto: "two", userId: null },
      ],
      effects: [
        { choice: { mentoradoId: one }, says: "links_and_deletes_profile" },
        { choice: { mentoradoId: two }, says: "links_and_deletes_profile" },
        { choice: { dismiss: true }, says: "dismisses" },
      ],
    });
    const others = await makeAdmin(system);
    const { users } = await readRows(system, others.id);
    await system.db.query("insert into app_notes (mentorado_id) values ($1)", [freshId]);
    await system.db.query("update mentorados set user_id = $2 where id = $1", [one, users[0]?.["id"]]);
    expect(await read()).toMatchObject({
      effects: [{ says: "taken" }, { says: "links_and_unlinks_profile" }, {}],
    });
    await system.db.query("delete from mentorados where id = $1", [one]);
    await system.db.query("update mentorados set user_id = null where id = $1", [freshId]);
    expect(await read()).toMatchObject({ effects: [{ says: "gone" }, { says: "links" }, {}] });
    await system.db.query("update mentorados set user_id = $2 where id = $1", [
      freshId,
      (await readRows(system, person.id)).users[0]?.["id"],
    ]);
    expect((await resolve(conflict.id, { mentoradoId: two, discardProfile: true })).status).toBe(204);
    expect(await read()).toMatchObject({
      state: "resolved",
      closedBy: "admin",
      present: { id: two },
      effects: [],
    });
    expect((await callAdmin(system, "/api/admin/conflicts/999999")).status).toBe(404);
  });

  test("resolving links the chosen profile, removes the untouched fresh one, and the next login has it", async () => {
    const { person, conflict, candidates, freshId } = await makeConflict();
    await ensure(system, person.id);
    await ensure(system, person.id);
    expect((await resolve(conflict.id, { mentoradoId: candidates[1] })).status).toBe(204);
    expect((await readRows(system, person.id)).mentorados).toMatchObject([
      { id: candidates[1], nome_completo: "two" },
    ]);
    expect((await system.db.query("select from mentorados where id = $1", [freshId])).rowCount).toBe(0);
    expect((await ensure(system, person.id)).body).toMatchObject({ mentorado: { id: candidates[1] } });
    expect((await resolve(conflict.id, { dismiss: true })).body).toMatchObject({
      error: { code: "conflict.closed" },
    });
  });

  test.each([
    ["edited", (id: number) => system.db.query("update mentorados set meta_leads = 51 where id = $1", [id])],
    [
      "used by the app",
      (id: number) => system.db.query("insert into app_notes (mentorado_id) values ($1)", [id]),
    ],
  ])("a fresh profile that was %s is only unlinked, after a confirmation", async (_use, touch) => {
    const { person, conflict, candidates, freshId } = await makeConflict();
    await touch(freshId);
    const [mentoradoId] = candidates;
    expect(await resolve(conflict.id, { mentoradoId })).toMatchObject({
      status: 409,
      body: { error: { code: "conflict.profile_touched" } },
    });
    expect((await readRows(system, person.id)).mentorados).toMatchObject([{ id: freshId }]);
    expect((await resolve(conflict.id, { mentoradoId, discardProfile: true })).status).toBe(204);
    expect((await readRows(system, person.id)).mentorados).toMatchObject([{ id: mentoradoId }]);
    const kept = await system.db.query("select user_id, ativo from mentorados where id = $1", [freshId]);
    expect(kept.rows).toEqual([{ user_id: null, ativo: "nao" }]);
  });

  test("dismissing changes no user and no profile", async () => {
    const { person, conflict, freshId } = await makeConflict();
    expect((await resolve(conflict.id, { dismiss: true })).status).toBe(204);
    expect((await readRows(system, person.id)).mentorados).toMatchObject([{ id: freshId }]);
    expect((await listOpen()).map((open) => open.id)).not.toContain(conflict.id);
  });

  describe("wrong input gets a sentence that helps", () => {
    test.each<[string, unknown, number, string]>([
      ["an empty body", {}, 400, "request.malformed"],
      ["a word instead of an id", { mentoradoId: "seven" }, 400, "request.malformed"],
      ["a choice and a dismissal at once", { mentoradoId: 1, dismiss: true }, 400, "request.malformed"],
      ["a profile that is no candidate", { mentoradoId: 999_999 }, 400, "conflict.not_a_candidate"],
    ])("%s", async (_what, body, status, code) => {
      const { conflict } = await makeConflict();
      expect(await resolve(conflict.id, body)).toMatchObject({ status, body: { error: { code } } });
    });

    test("an unknown conflict", async () => {
      expect(await resolve(999_999, { dismiss: true })).toMatchObject({
        status: 404,
        body: { error: { code: "conflict.unknown" } },
      });
    });

    test("a candidate that another user has claimed meanwhile", async () => {
      const { conflict, candidates } = await makeConflict();
      const other = await system.clerk.users.create();
      await untilProfile(system, other.id);
      await system.db.query(
        "update mentorados set user_id = (select id from users where clerk_id = $2) where id = $1",
        [candidates[0], (await makeAdmin(system)).id],
      );
      expect(await resolve(conflict.id, { mentoradoId: candidates[0] })).toMatchObject({
        status: 409,
        body: { error: { code: "conflict.taken" } },
      });
    });
  });

  test("the list pages with a cursor", async () => {
    await makeConflict();
    await makeConflict();
    const first = await callAdmin(system, "/api/admin/conflicts?limit=1");
    const { items, nextCursor } = first.body as { items: Conflict[]; nextCursor: string };
    const second = await callAdmin(system, `/api/admin/conflicts?limit=1&cursor=${nextCursor}`);
    expect((second.body as { items: Conflict[] }).items[0]?.id).toBeLessThan(items[0]?.id ?? 0);
    expect((await callAdmin(system, "/api/admin/conflicts?limit=0")).status).toBe(400);
  });

  describe("the report about a user", () => {
    const explain = (clerkId: string) => callAdmin(system, `/api/admin/users/${clerkId}`);

    test("says that the user is in place, with a timeline that names the cause", async () => {
      const person = await system.clerk.users.create();
      await untilProfile(system, person.id);
      expect(await explain(person.id)).toMatchObject({
        status: 200,
        body: {
          why: "In place: the user has a row and a profile.",
          clerk: "there",
          user: { clerkId: person.id },
          timeline: [{ kind: "mentorado_created", cause: "webhook" }, { kind: "user_created" }],
        },
      });
    });

    test("has the user as Clerk has it, and the columns that differ from it", async () => {
      const person = await system.clerk.users.create({
        firstName: "Ana",
        lastName: "Lima",
        email: "lima@example.com",
      });
      await untilProfile(system, person.id);
      await waitFor("rows that equal Clerk", async () => {
        const { differences } = (await explain(person.id)).body as UserReport;
        return differences?.length === 0 || undefined;
      });
      await system.clerk.users.update(person.id, { lastName: "Souza", banned: true }, { silent: true });
      const report = (await explain(person.id)).body as UserReport;
      expect(report.clerkUser).toMatchObject({
        firstName: "Ana",
        lastName: "Souza",
        emails: [{ email: "lima@example.com", verified: true, primary: true }],
        banned: true,
      });
      expect(report.differences).toEqual(
        expect.arrayContaining([
          { column: "name", here: "Ana Lima", atClerk: "Ana Souza" },
          { column: "banned", here: false, atClerk: true },
        ]),
      );
      const fault = await system.clerk.faults.add({ kind: "status", status: 500 });
      expect((await explain(person.id)).body).toMatchObject({
        clerk: "unknown",
        differences: null,
        clerkUser: null,
      });
      await system.clerk.faults.remove(fault);
    });

    test("says that no webhook and no login has arrived yet", async () => {
      const person = await system.clerk.users.create({}, { silent: true });
      expect((await explain(person.id)).body).toMatchObject({
        why: expect.stringContaining("no webhook and no login"),
      });
    });

    test("says that a deleted user stays deleted", async () => {
      const person = await system.clerk.users.create();
      await system.clerk.users.delete(person.id);
      const report = await waitFor("the tombstone", async () => {
        const { user, timeline, ...rest } = (await explain(person.id)).body as UserReport;
        // Row and timeline are two reads, and the job may commit between them.
        return user?.deletedAt && timeline[0]?.kind === "user_tombstoned" ? rest : undefined;
      });
      expect(report).toMatchObject({ clerk: "absent", why: expect.stringContaining("tombstones are final") });
    });

    test("never calls a user unknown while Clerk does not answer", async () => {
      const fault = await system.clerk.faults.add({ kind: "status", status: 500 });
      expect(await explain("user_unheard_of")).toMatchObject({ status: 200, body: { clerk: "unknown" } });
      await system.clerk.faults.remove(fault);
      expect((await explain("user_unheard_of")).status).toBe(404);
    });

    test("is 404 for an id that neither Clerk nor Rollcall knows, and 400 for text that is no user id", async () => {
      expect(await explain("user_unknown")).toMatchObject({
        status: 404,
        body: { error: { code: "user.unknown" } },
      });
      expect(await explain("org_1")).toMatchObject({
        status: 400,
        body: { error: { code: "request.malformed" } },
      });
    });
  });
});

/** Makes an admin: a user with a row and no profile. */
async function makeAdmin(system: System) {
  const admin = await system.clerk.users.create({ publicMetadata: { role: "admin" } }, { silent: true });
  await ensure(system, admin.id);
  return admin;
}
