import { defaultMapping } from "@rollcall/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
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
});
