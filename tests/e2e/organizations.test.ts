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
import { readDeadLetters, untilIdle } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
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
              (select count(*)::int from public.organization_memberships) as memberships
       from public.organizations where clerk_org_id = $1`,
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
    expect(report.timeline.map(({ kind, clerkId, cause }) => [kind, clerkId, cause])).toEqual([
      ["membership_created", ana.id, "webhook"],
      ["organization_created", id, "admin"],
      ["sync_requested", id, "admin"],
    ]);
    expect((await admin(`/activity?clerkId=${id}&limit=1`)).body).toMatchObject({
      items: [{ kind: "membership_created", name: "Ana", details: { clerkOrgId: id } }],
    });
    expect((await admin(`/audit?clerkId=${id}`)).body).toMatchObject({
      items: [{ kind: "sync_requested", by: "admin", clerkId: id, name: "Clínica Sol" }],
    });
    const user = userReport.parse((await admin(`/users/${ana.id}`)).body);
    expect(user.memberships).toMatchObject({ items: [{ clerkOrgId: id, name: "Clínica Sol" }], more: false });

    await clerk.organizations.delete(id);
    await untilMembers(id, []);
    expect(await readReport(id)).toMatchObject({ clerk: "absent", explanation: { code: "deleted" } });
    const refused = await admin(`/organizations/${id}/sync`, { method: "POST" });
    expect([refused.status, refused.body]).toMatchObject([410, { error: { code: "organization.deleted" } }]);
    const unknown = await admin("/organizations/org_none");
    expect([unknown.status, unknown.body]).toMatchObject([404, { error: { code: "organization.unknown" } }]);
    expect((await admin("/organizations?cursor=7")).status).toBe(400);
  });
});
