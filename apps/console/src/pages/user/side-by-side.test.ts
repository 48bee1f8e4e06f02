import type { ProfileShape, UserReport } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { compareSources } from "./side-by-side.ts";

const at = "2026-05-12T10:00:00.000Z";
const user: NonNullable<UserReport["user"]> = {
  ...{ id: 1, clerkId: "user_1", email: "ana@example.com", emailVerified: true, name: "Ana Lima" },
  ...{ imageUrl: null, role: "user", roleSource: null, tier: "FREE", banned: false, readTicket: 4 },
  ...{ clerkCreatedAt: at, clerkUpdatedAt: at, deletedAt: null, createdAt: at, updatedAt: at },
};
const mentorado: NonNullable<UserReport["mentorado"]> = {
  ...{ id: 7, userId: 1, nomeCompleto: "Ana L.", email: "ana@example.com", fotoUrl: null, turma: "neon" },
  ...{ ativo: "sim", metaFaturamento: 16_000, metaLeads: 50, metaProcedimentos: 10, metaPosts: 12 },
  ...{ metaStories: 60, linkedAt: at, createdAt: "2026-05-13T10:00:00.000Z", updatedAt: at },
};
const clerkUser: NonNullable<UserReport["clerkUser"]> = {
  ...{ username: null, firstName: "Ana", lastName: "Souza", imageUrl: null, role: null, turma: "estrutura" },
  metadata: { turma: "estrutura" },
  emails: [
    { email: "ana@example.com", verified: true, primary: true },
    { email: "a@example.org", verified: false, primary: false },
  ],
  ...{ banned: false, createdAt: at, updatedAt: at },
};

const shape: ProfileShape = {
  name: "mentorado",
  columns: [
    { key: "nomeCompleto", column: "nomeCompleto", from: "name" },
    { key: "email", column: "email", from: "email" },
    { key: "fotoUrl", column: "fotoUrl", from: "imageUrl" },
    { key: "turma", column: "turma", from: "metadata" },
  ],
};
const find = (report: Parameters<typeof compareSources>[0], field: string) =>
  compareSources(report, shape).find((comparison) => comparison.field === field);

test("a column is marked exactly when the server says that it differs", () => {
  const report = {
    ...{ user, mentorado, clerkUser },
    differences: [{ column: "name", here: "Ana Lima", atClerk: "Ana Souza" }],
  };
  expect(find(report, "name")).toMatchObject({
    ...{ atClerk: "Ana Souza", inRow: "Ana Lima", inProfile: "Ana L." },
    ...{ rowDiffers: true, profileDiffers: true },
  });
  expect(find(report, "email")).toMatchObject({ rowDiffers: false, profileDiffers: false });
});

test("nothing is marked while Clerk does not answer", () => {
  const report = { user, mentorado, clerkUser: null, differences: null };
  expect(compareSources(report, shape).filter(({ rowDiffers }) => rowDiffers)).toEqual([]);
  expect(find(report, "email")?.atClerk).toBeUndefined();
});

test("a turma at Clerk, and the times of row and profile, need not be the same", () => {
  const report = { user, mentorado, clerkUser, differences: [] };
  expect(find(report, "turma")).toMatchObject({ inProfile: "neon", profileDiffers: false });
  expect(find(report, "createdAt")?.profileDiffers).toBe(false);
});

test("a user that only Clerk has shows what Clerk has", () => {
  const lines = compareSources({ user: null, mentorado: null, clerkUser, differences: null }, shape);
  expect(lines.map(({ field }) => field)).toEqual(
    expect.arrayContaining(["name", "email", "otherEmails", "clerkCreatedAt"]),
  );
  expect(lines.map(({ field }) => field)).not.toContain("tier");
});

const member: NonNullable<UserReport["mentorado"]> = {
  ...{ id: "0190", userId: "0191", linkedAt: at, displayName: "Ana Souza", contact: "ana@example.org" },
  ...{ plan: "pro", origin: "clerk" },
};
const members: ProfileShape = {
  name: "member",
  columns: [
    { key: "displayName", column: "display_name", from: "name" },
    { key: "contact", column: "contact", from: "email" },
    { key: "plan", column: "plan", from: "metadata" },
  ],
};

test("a profile of the app's own stands in the lines of its name and email, with all of its fields once", () => {
  const report = {
    // The app's users have no column for the name.
    ...{ user: { ...user, name: null }, mentorado: member, differences: [] },
    clerkUser: { ...clerkUser, metadata: { plan: "free" } },
  };
  const lines = compareSources(report, members);
  const found = Object.fromEntries(lines.map((line) => [line.field, line]));
  expect(lines).toHaveLength(Object.keys(found).length);
  expect(found["name"]).toMatchObject({ inProfile: "Ana Souza", profileDiffers: false });
  expect(found["email"]).toMatchObject({ inProfile: "ana@example.org", profileDiffers: true });
  expect(found["plan"]).toMatchObject({ atClerk: "free", inProfile: "pro", profileDiffers: false });
  expect(found["origin"]).toMatchObject({ inProfile: "clerk" });
  for (const field of ["displayName", "contact", "id", "userId", "turma", "ativo"])
    expect(found).not.toHaveProperty(field);
});
