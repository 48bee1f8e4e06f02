import type { ListedUser } from "@rollcall/clerk";
import { expect, test } from "vitest";
import { fetchPage, type Lister, walkStart } from "./fetch-page.ts";

function toListed(id: string): ListedUser {
  return { clerkId: id, result: { found: { id, created_at: 7, updated_at: 7 } } };
}

test("fails on a list that begins before the place it was asked for", async () => {
  const begun: Lister = { listPage: async () => ({ users: [toListed("user_old")], isShort: true }) };
  await expect(fetchPage(begun, { afterMs: 7, position: walkStart })).rejects.toMatchObject({
    code: "reconcile.list_repeated",
    message: "Clerk's list begins anew for every request",
  });
});
