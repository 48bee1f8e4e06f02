import {
  defaultMapping,
  listOf,
  organizationEntry,
  organizationMember,
  organizationReport,
  userReport,
} from "@rollcall/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin, listAll } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { type Answer, callEnsure, readDeadLetters, untilIdle } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { origin, type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({
      backend,
      underRoles: true,
      app: { mapping: { ...defaultMapping, organizations: {} }, fill: async () => undefined },
    });
  });
  afterAll(() => system?.stop());

  /** `organization user role` of each membership, in the order of the users. */
  const listMembers = async (clerkOrgId: string): Promise<string[]> => {
    const { rows } = await system.db.query(
      `select concat_ws(' ', u.clerk_id, m.role) as line from public.organization_memberships m
       join public.organizations o on o.id = m.organization_id join public.users u on u.id = m.user_id
       where o.clerk_org_id = $1 and o.deleted_at is null order by u.id`,
      [clerkOrgId],
    );
    return rows.map(({ line }) => line);
  };

  const untilMembers = (clerkOrgId: string, expected: readonly string[]) =>
    waitFor(`the members ${expected.join(", ")}`, async () =>
      (await listMembers(clerkOrgId)).join() === expected.join() ? true : undefined,
    );

  const mint = (userId: string, organizationId?: string) =>
    system.clerk.sessions.mintToken({ userId, azp: origin, ...(organizationId && { organizationId }) });

  /** Calls ensure with a token, again while the answer is 202. */
  const ensureWith = (token: string): Promise<Answer> =>
    waitFor("an answer of ensure", async () => {
      const answer = await callEnsure(system, { authorization: `Bearer ${token}` });
      return answer.status === 202 ? undefined : answer;
    });

  const refusal = { status: 403, body: { error: { code: "organization.not_a_member" } } };

  test("ensure answers the active organization of a member whom no webhook announced, and refuses a former member", async () => {
    const { clerk } = system;
    const silent = { silent: true };
    const [ana, bia] = [await clerk.users.create({}, silent), await clerk.users.create({}, silent)];
    const [one, two] = [
      await clerk.organizations.create({ name: "Turma 1", slug: "turma-1" }, silent),
      await clerk.organizations.create({ name: "Turma 2" }, silent),
    ];
    await clerk.memberships.create(one.id, ana.id, { role: "org:admin" }, silent);
    await clerk.memberships.create(two.id, ana.id, { role: "org:member" }, silent);
    await clerk.memberships.create(two.id, bia.id, { role: "org:admin" }, silent);

    const inOne = await mint(ana.id, one.id);
    const first = await ensureWith(inOne);
    expect(first).toMatchObject({
      status: 200,
      body: {
        user: { clerkId: ana.id },
        mentorado: { nomeCompleto: expect.any(String) },
        organization: { clerkOrgId: one.id, name: "Turma 1", slug: "turma-1", role: "org:admin" },
      },
    });
    // Ana switches, and each answer is about the organization of its token.
    const inTwo = await mint(ana.id, two.id);
    const second = { status: 200, body: { organization: { clerkOrgId: two.id, role: "org:member" } } };
    expect(await ensureWith(inTwo)).toMatchObject(second);
    expect(await ensureWith(inOne)).toMatchObject({ body: { organization: { clerkOrgId: one.id } } });
    expect(await ensureWith(await mint(ana.id))).toMatchObject({ status: 200, body: { organization: null } });

    // The role is the row's, whatever the token says.
    await clerk.memberships.update(two.id, ana.id, { role: "org:admin" });
    await untilMembers(two.id, [`${ana.id} org:admin`]);
    await untilIdle(system, "sync");
    expect(await ensureWith(inTwo)).toMatchObject({ body: { organization: { role: "org:admin" } } });

    await clerk.memberships.delete(two.id, ana.id);
    await untilMembers(two.id, []);
    await untilIdle(system, "sync");
    expect(await ensureWith(inTwo)).toMatchObject(refusal);
    expect(await ensureWith(inOne)).toMatchObject({ status: 200 });
    await clerk.memberships.create(two.id, ana.id, { role: "org:member" }, silent);
    expect(await ensureWith(await mint(ana.id, two.id))).toMatchObject(second);

    const ofBia = await mint(bia.id, two.id);
    expect(await ensureWith(ofBia)).toMatchObject({ body: { organization: { role: "org:admin" } } });
    await clerk.organizations.delete(two.id);
    await untilMembers(two.id, []);
    await untilIdle(system, "sync");
    expect(await ensureWith(ofBia)).toMatchObject(refusal);
    expect(await ensureWith(await mint(bia.id))).toMatchObject({ status: 200, body: { organization: null } });
    expect(await readDeadLetters(system)).toEqual([]);
  });

  test("a webhook of a new membership makes the rows of user, organization and membership, and deletions end them", async () => {
    const { clerk } = system;
    // Only the memberships are announced.
    const [ana, bia] = [
      await clerk.users.create({}, { silent: true }),
      await clerk.users.create({}, { silent: true }),
    ];
    const { id } = await clerk.organizations.create({ name: "Turma A" }, { silent: true });
    await clerk.memberships.create(id, ana.id, { role: "org:admin" });
    await untilMembers(id, [`${ana.id} org:admin`]);
    await clerk.memberships.create(id, bia.id, { role: "org:member" });
    await untilMembers(id, [`${ana.id} org:admin`, `${bia.id} org:member`]);

    await clerk.memberships.update(id, bia.id, { role: "org:admin" });
    await untilMembers(id, [`${ana.id} org:admin`, `${bia.id} org:admin`]);
    await clerk.memberships.delete(id, bia.id);
    await untilMembers(id, [`${ana.id} org:admin`]);
    await clerk.memberships.create(id, bia.id, { role: "org:member" });
    await untilMembers(id, [`${ana.id} org:admin`, `${bia.id} org:member`]);

    await clerk.organizations.update(id, { name: "Turma B" });
    await waitFor("the new name", async () => {
      const { rows } = await system.db.query(
        "select name from public.organizations where clerk_org_id = $1",
        [id],
      );
      return rows[0]?.name === "Turma B" ? true : undefined;
    });
    await clerk.users.delete(ana.id);
    await untilMembers(id, [`${bia.id} org:member`]);
    await clerk.organizations.delete(id);
    await untilMembers(id, []);
    await untilIdle(system, "sync");
    const left = await system.db.query(
      `select name, deleted_at is not null as "isDeleted",
              (select count(*)::int from public.organization_memberships m where m.organization_id = o.id) as memberships
       from public.organizations o where clerk_org_id = $1`,
      [id],
    );
    expect(left.rows).toEqual([{ name: "Turma B", isDeleted: true, memberships: 0 }]);
    expect(await readDeadLetters(system)).toEqual([]);
  });

  const admin = (path: string, options?: Parameters<typeof callAdmin>[2]) =>
    callAdmin(system, `/api/admin${path}`, options);

  const readReport = async (clerkOrgId: string) =>
    organizationReport.parse((await admin(`/organizations/${clerkOrgId}`)).body);

  test("operators find an organization, its members and its timeline, and sync what no webhook announced", async () => {
    const { clerk } = system;
    const ana = await clerk.users.create({ firstName: "Ana" }, { silent: true });
    const { id } = await clerk.organizations.create({ name: "Clínica Sol", slug: "sol" }, { silent: true });
    expect(await readReport(id)).toMatchObject({
      ...{ clerk: "there", organization: null, explanation: { code: "not_arrived" } },
      why: expect.stringContaining("no webhook has arrived"),
    });
    expect((await admin(`/organizations/${id}/sync`, { method: "POST" })).status).toBe(202);
    // A membership would refresh the organization too, for another cause.
    await untilIdle(system, "sync");
    await clerk.memberships.create(id, ana.id, { role: "org:admin" });
    await untilMembers(id, [`${ana.id} org:admin`]);
    await untilIdle(system, "sync");

    const found = await listAll(system, "/api/admin/organizations?query=cl%C3%ADnica");
    expect(found).toMatchObject([{ clerkOrgId: id, name: "Clínica Sol", slug: "sol", state: "live" }]);
    listOf(organizationEntry).parse((await admin("/organizations?limit=1")).body);
    const members = listOf(organizationMember).parse((await admin(`/organizations/${id}/members`)).body);
    expect(members).toMatchObject({
      ...{ items: [{ clerkId: ana.id, name: "Ana", role: "org:admin", hasRow: true }], nextCursor: null },
    });
    const report = await readReport(id);
    expect(report).toMatchObject({
      ...{
        organization: { members: { count: 1, more: false } },
        clerkOrganization: { membersCount: 1 },
        jobs: [],
      },
    });
    // If the sync read Clerk before Ana joined, a later read updates the number of members.
    const timeline = report.timeline.filter(({ kind }) => kind !== "organization_updated");
    expect(timeline.map(({ kind, clerkId, cause }) => [kind, clerkId, cause])).toEqual([
      ["membership_created", ana.id, "webhook"],
      ["organization_created", id, "admin"],
      ["sync_requested", id, "admin"],
    ]);
    expect((await admin(`/activity?clerkId=${id}&kind=membership_created`)).body).toMatchObject({
      items: [{ kind: "membership_created", name: "Ana", details: { clerkOrgId: id } }],
    });
    expect((await admin(`/audit?clerkId=${id}`)).body).toMatchObject({
      items: [{ kind: "sync_requested", by: "admin", clerkId: id, name: "Clínica Sol" }],
    });
    const user = userReport.parse((await admin(`/users/${ana.id}`)).body);
    expect(user.memberships).toMatchObject({ items: [{ clerkOrgId: id, name: "Clínica Sol" }], more: false });

    await clerk.organizations.delete(id);
    await untilMembers(id, []);
    // A job that still runs explains the organization otherwise.
    await untilIdle(system, "sync");
    expect(await readReport(id)).toMatchObject({ clerk: "absent", explanation: { code: "deleted" } });
    const refused = await admin(`/organizations/${id}/sync`, { method: "POST" });
    expect([refused.status, refused.body]).toMatchObject([410, { error: { code: "organization.deleted" } }]);
    const unknown = await admin("/organizations/org_none");
    expect([unknown.status, unknown.body]).toMatchObject([404, { error: { code: "organization.unknown" } }]);
    expect((await admin("/organizations?cursor=7")).status).toBe(400);
  });

  // The commands are the same on each backend.
  test.runIf(backend === "postgres")(
    "the command line finds organizations, explains them and syncs one",
    async () => {
      const { clerk } = system;
      const silent = { silent: true };
      const ana = await clerk.users.create({ firstName: "Hidden" }, silent);
      const stranger = await clerk.users.create({}, silent);
      const { id } = await clerk.organizations.create({ name: "Turma da linha" }, silent);
      await clerk.memberships.create(id, ana.id, { role: "org:admin" });
      await untilMembers(id, [`${ana.id} org:admin`]);
      await untilIdle(system, "sync");
      const rollcall = async (...args: string[]) => {
        const command = runProcess("apps/cli/dist/main.js", system.environment, args);
        return { code: await command.exited, output: command.output() };
      };
      const asked = [
        ["orgs", "da linha"],
        ["orgs", id],
        ["explain", id],
        ["explain", id, ana.id],
        ["explain", ana.id],
        ["explain", id, stranger.id],
        ["orgs", "org_none"],
      ];
      const answers = await Promise.all(asked.map((args) => rollcall(...args)));
      expect(answers.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 1, 1]);
      const [found, one, explained, pair, user] = answers.map(({ output }) => output);
      expect(found).toMatch(new RegExp(`${id} +Turma da linha +turma-da-linha.* +1 +live`));
      expect(one).toMatch(
        new RegExp(`In place: the organization has a row.*Members\\n *${ana.id} +org:admin`, "s"),
      );
      expect(explained).toContain("organization_created by webhook");
      expect(pair).toMatch(/In place: a member with the role org:admin.*membership_created by webhook/s);
      expect(user).toMatch(new RegExp(`Memberships\\n *${id} +org:admin`));
      for (const { output } of answers) expect(output).not.toContain("Hidden");

      await clerk.organizations.update(id, { name: "Outra" }, silent);
      expect((await rollcall("sync", id)).code).toBe(0);
      await untilIdle(system, "sync");
      const renamed = JSON.parse((await rollcall("orgs", id, "--json")).output);
      expect(renamed).toMatchObject({
        organization: { name: "Outra", state: "live" },
        listedMembers: { items: [{ clerkId: ana.id }], more: false },
      });
    },
  );
});
