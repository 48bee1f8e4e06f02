import { expect, test } from "vitest";
import { z } from "zod";
import { callAdmin } from "../../harness/admin.ts";
import { ensure } from "../../harness/calls.ts";
import { waitFor } from "../../harness/wait-for.ts";
import type { AppProfile, ProfileRow } from "./mapped-app.ts";
import { type Stage, unclaimed } from "./stage.ts";

const conflicts = z.object({
  items: z.array(
    z.object({
      id: z.number(),
      clerkId: z.string(),
      reason: z.string(),
      candidateIds: z.array(z.union([z.string(), z.number()])),
      profileId: z.union([z.string(), z.number()]).nullable(),
    }),
  ),
});

/** Declares what holds on the tables of an app with profiles. */
export function tellOfProfiles(stage: Stage, profile: AppProfile): void {
  const { users } = stage.app;

  async function findProfiles(column: keyof ProfileRow, value: string): Promise<ProfileRow[]> {
    const { rows } = await stage.system.db.query<ProfileRow>(
      `select * from (${profile.rows}) p where p."${column}" = $1 order by p.id`,
      [value],
    );
    return rows;
  }

  /** The only profile of the user. */
  async function findProfile(clerkId: string): Promise<ProfileRow | undefined> {
    const [first, ...others] = await findProfiles("clerkId", clerkId);
    expect(others).toEqual([]);
    return first;
  }

  const untilProfile = (clerkId: string) => waitFor(`a profile for ${clerkId}`, () => findProfile(clerkId));

  const untilLogged = (clerkId: string, event: string) =>
    waitFor(`${event} of ${clerkId}`, async () => {
      const lines = stage.system.worker.output().split("\n");
      return (
        lines.some((line) => line.includes(`"${clerkId}"`) && line.includes(`"event":"${event}"`)) ||
        undefined
      );
    });

  async function findConflict(clerkId: string) {
    const { body } = await callAdmin(stage.system, "/api/admin/conflicts");
    return conflicts.parse(body).items.find((conflict) => conflict.clerkId === clerkId);
  }

  test("users that had a profile keep it as it is, and the first full sync gives the others one", async () => {
    const [first = "", ...others] = stage.veterans;
    expect(await findProfile(first)).toMatchObject({ name: "A veteran", email: "old@example.com" });
    for (const clerkId of others) {
      const { first_name, last_name, email_addresses } = await stage.system.clerk.users.get(clerkId);
      expect(await findProfile(clerkId)).toMatchObject({
        name: `${first_name} ${last_name}`,
        email: email_addresses[0]?.email_address,
      });
    }
  });

  test("a sign-up makes the profile, and its name is in answers, logs and notifications", async () => {
    const { id: clerkId } = await stage.system.clerk.users.create({
      ...{ firstName: "Ada", lastName: "Lovelace", email: "ada@example.com" },
      imageUrl: "https://img.example.com/ada",
      publicMetadata: profile.example.metadata,
    });
    const { id } = await untilProfile(clerkId);
    const userId = users.key((await stage.findUser(clerkId))?.id ?? "");
    const shown = {
      ...profile.example.columns,
      ...{ id: profile.key(id), userId, linkedAt: expect.any(String) },
    };
    // The second answer comes from the cache, if there is one.
    for (const _ of [1, 2]) {
      const { status, body } = await ensure(stage.system, clerkId);
      expect(status).toBe(200);
      expect(body).toEqual({
        ...{ success: true, created: false },
        user: expect.objectContaining({ id: userId, clerkId }),
        [profile.name]: shown,
      });
    }
    await untilLogged(clerkId, `${profile.name}_created`);
    const notification = await waitFor("the notification", async () =>
      stage.notifications.find((body) => JSON.stringify(body).includes(clerkId)),
    );
    expect(notification).toEqual({
      ...{ type: `${profile.name}.created`, timestamp: expect.any(String) },
      data: { clerkId, userId, [`${profile.name}Id`]: profile.key(id) },
    });
    expect((await callAdmin(stage.system, `/api/admin/users/${clerkId}`)).body).toMatchObject({
      mentorado: shown,
      explanation: { code: "in_place" },
    });
    expect(await stage.rollcallJson("explain", clerkId)).toMatchObject({
      code: 0,
      answer: { mentorado: shown },
    });
  });

  test("an unclaimed profile of a verified email is linked, and keeps what refers to it", async () => {
    const before = await stage.readApp();
    const [waiting] = await findProfiles("email", unclaimed.one);
    const person = await stage.system.clerk.users.create({ firstName: "New", email: "Linked@Example.com" });
    expect(await untilProfile(person.id)).toEqual({ ...waiting, clerkId: person.id });
    await untilLogged(person.id, `${profile.name}_linked`);
    expect(await findConflict(person.id)).toBeUndefined();
    await stage.expectOwnRows(before);
  });

  test("an unclaimed profile of an email that is not verified is not linked", async () => {
    const [waiting] = await findProfiles("email", unclaimed.unverified);
    const person = await stage.system.clerk.users.create({
      emails: [{ address: unclaimed.unverified, status: "unverified" }],
    });
    expect((await untilProfile(person.id)).id).not.toBe(waiting?.id);
    expect(await findProfiles("id", waiting?.id ?? "")).toEqual([waiting]);
    expect(waiting?.clerkId).toBeNull();
    expect(await findConflict(person.id)).toMatchObject({
      reason: "unverified_email",
      candidateIds: [profile.key(waiting?.id ?? "")],
    });
  });

  test("an operator resolves a conflict by the profile's key", async () => {
    const [chosen = "", other = ""] = (await findProfiles("email", unclaimed.several)).map(({ id }) => id);
    const { id: clerkId } = await stage.system.clerk.users.create({ email: unclaimed.several });
    const fresh = await untilProfile(clerkId);
    const conflict = await findConflict(clerkId);
    expect(conflict).toMatchObject({ reason: "several_candidates", profileId: profile.key(fresh.id) });
    const keys = [chosen, other].map(profile.key);
    expect(conflict?.candidateIds.toSorted()).toEqual(keys.toSorted());
    const path = `/api/admin/conflicts/${conflict?.id}`;
    const { body } = await callAdmin(stage.system, path);
    expect(body).toMatchObject({
      present: { id: profile.key(fresh.id) },
      candidates: expect.arrayContaining(
        keys.map((id) => expect.objectContaining({ id, [profile.nameKey]: "Waiting" })),
      ),
      effects: expect.arrayContaining([
        ...keys.map((mentoradoId) => ({ choice: { mentoradoId }, says: "links_and_deletes_profile" })),
        { choice: { dismiss: true }, says: "dismisses" },
      ]),
    });
    const resolve = (mentoradoId: unknown) =>
      callAdmin(stage.system, `${path}/resolve`, { method: "POST", body: { mentoradoId } });
    for (const malformed of profile.malformed)
      expect((await resolve(malformed)).body).toMatchObject({ error: { code: "request.malformed" } });
    expect((await resolve(profile.key(fresh.id))).body).toMatchObject({
      error: { code: "conflict.not_a_candidate" },
    });
    expect((await resolve(profile.typed(chosen))).status).toBe(204);
    expect((await untilProfile(clerkId)).id).toBe(chosen);
    expect(await findProfiles("id", fresh.id)).toEqual([]);
    expect((await ensure(stage.system, clerkId)).body).toMatchObject({
      [profile.name]: { id: profile.key(chosen) },
    });
  });

  test("a deletion unlinks the profile, and a purge erases it and the named candidates", async () => {
    const { clerk } = stage.system;
    const [candidate] = await findProfiles("email", unclaimed.secondary);
    const { id: clerkId } = await clerk.users.create({
      firstName: "Serinus",
      emails: ["serinus@example.com", unclaimed.secondary],
    });
    const { id } = await untilProfile(clerkId);
    expect(await findConflict(clerkId)).toMatchObject({ reason: "secondary_email" });
    await clerk.users.delete(clerkId);
    const unlinked = await waitFor("the unlinked profile", async () =>
      (await findProfiles("id", id)).find((row) => row.clerkId === null),
    );
    expect(unlinked).toMatchObject({ name: "Serinus", email: "serinus@example.com" });
    expect((await ensure(stage.system, clerkId)).status).toBe(410);

    const keys = [id, candidate?.id ?? ""].map(profile.key);
    const preview = await callAdmin(stage.system, `/api/admin/users/${clerkId}/purge`, {
      method: "POST",
      body: { preview: true, also: keys.slice(1) },
    });
    expect(preview.body).toMatchObject({
      goes: expect.arrayContaining([
        { what: "profile", of: [id], count: 1 },
        { what: "candidate", of: [candidate?.id], count: 1 },
      ]),
    });
    expect(await findProfiles("id", id)).toEqual([unlinked]);
    expect(await stage.rollcallJson("purge", clerkId, "--also", candidate?.id ?? "")).toMatchObject({
      code: 0,
      answer: { erased: keys },
    });
    for (const erased of [id, candidate?.id ?? ""])
      expect(await findProfiles("id", erased)).toMatchObject([{ name: "Removed", email: null }]);
  });

  test("a full sync finds a missing profile, and a dry run says so before", async () => {
    const person = await stage.system.clerk.users.create({ email: "lost@example.com" });
    const { id } = await untilProfile(person.id);
    await stage.system.db.query(profile.remove, [id]);
    const counts = { created: 1, linked: 0, updated: 0, deleted: 0, failed: 0 };
    expect(await stage.rollcallJson("reconcile", "--dry-run")).toMatchObject({ code: 0, answer: { counts } });
    expect(await findProfile(person.id)).toBeUndefined();
    expect(await stage.rollcallJson("reconcile")).toMatchObject({ code: 0, answer: { counts } });
    expect((await untilProfile(person.id)).id).not.toBe(id);
  });
}
