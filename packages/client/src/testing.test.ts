import { expect, expectTypeOf, test } from "vitest";
import type { Provisioned } from "./rollcall-client.ts";
import { RollcallError } from "./rollcall-error.ts";
import { buildClient, buildOrganization, buildProfile, buildUser } from "./testing.ts";

test("a client of a test answers with a profile for the user who is signed in", async () => {
  const client = buildClient();
  expectTypeOf(client.ensure).returns.resolves.toEqualTypeOf<Provisioned>();
  const { user, mentorado, created } = await client.ensure({ userId: "user_beto" });
  expect([user.clerkId, mentorado?.nomeCompleto, created]).toEqual(["user_beto", "Ana", false]);
  expect(client.calls).toEqual([{ userId: "user_beto" }]);
});

test("it answers with the session of the test, fails, or decides at each call", async () => {
  const session = { user: buildUser({ tier: "PRO" }), mentorado: null, created: true };
  expect(await buildClient(session).ensure()).toEqual({ ...session, stale: false });
  const inTeam = { ...session, organization: buildOrganization({ role: "org:member" }) };
  expect((await buildClient(inTeam).ensure()).organization).toMatchObject({
    slug: "escola",
    role: "org:member",
  });
  const banned = new RollcallError("user.banned", "Banned.", { status: 403, retryable: false });
  await expect(buildClient(banned).ensure()).rejects.toBe(banned);
  const decide = buildClient(async ({ userId }) => {
    if (userId === "user_new") throw banned;
    return { user: buildUser(), mentorado: buildProfile(), created: false, stale: false };
  });
  await expect(decide.ensure({ userId: "user_new" })).rejects.toBe(banned);
  expect(await decide.ensure()).toMatchObject({ mentorado: { turma: "neon" } });
});

test("it serves mappings with another profile, and with none", async () => {
  type Member = { id: string; userId: string; displayName: string };
  const member = { id: "m1", userId: "u1", displayName: "Ana" };
  const client = buildClient<Member, string, "member">({ user: buildUser({ id: "u1" }), member }, "member");
  expect([client.profile, (await client.ensure()).member?.displayName]).toEqual(["member", "Ana"]);
  const { user, ...rest } = await buildClient<never, number, never>({ user: buildUser() }, null).ensure();
  expect([user.id, rest]).toEqual([1, { created: false, stale: false }]);
});
