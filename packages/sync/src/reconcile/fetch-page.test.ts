import type { ListedUser } from "@rollcall/clerk";
import { expect, test } from "vitest";
import { fetchPage, type Lister, walkStart } from "./fetch-page.ts";

const pageSize = 100;

/** A list of users of one millisecond, from which users may be taken. */
function listOf(ids: string[]): Lister {
  return {
    listPage: async ({ startingAfter, offset = 0 }) => {
      const cursor = startingAfter === undefined ? -1 : ids.indexOf(startingAfter);
      if (startingAfter !== undefined && cursor === -1) return "cursor_refused";
      const users = ids.slice(cursor + 1 + offset, cursor + 1 + offset + pageSize).map(toListed);
      return { users, isShort: users.length < pageSize };
    },
  };
}

function toListed(id: string): ListedUser {
  return { clerkId: id, result: { found: { id, created_at: 7, updated_at: 7 } } };
}

test("misses no user of one millisecond when the cursor's user and many users before it are deleted", async () => {
  const ids = Array.from({ length: 350 }, (_, index) => `user_${String(index).padStart(3, "0")}`);
  const last = ids.at(-1);
  const lister = listOf(ids);
  const seen: string[] = [];
  let position = walkStart;
  for (let isLast = false, page = 0; !isLast; page++) {
    const walked = await fetchPage(lister, { afterMs: null, position });
    seen.push(...walked.users.flatMap(({ clerkId }) => clerkId ?? []));
    position = walked.next;
    isLast = walked.isLast;
    // 90 of the first page, and the cursor with some users before it: more than an offset with its overlap allows for.
    if (page === 1) ids.splice(195, 5);
    if (page === 1) ids.splice(0, 90);
  }
  expect(seen).toHaveLength(350);
  expect(new Set(seen).size).toBe(350);
  expect(seen.at(-1)).toBe(last);
});

test("fails on a list that begins before the place it was asked for", async () => {
  const begun: Lister = { listPage: async () => ({ users: [toListed("user_old")], isShort: true }) };
  await expect(fetchPage(begun, { afterMs: 7, position: walkStart })).rejects.toMatchObject({
    code: "reconcile.list_repeated",
    message: "Clerk's list begins anew for every request",
  });
});
