import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { emptyUser } from "../users/clerk-user.ts";
import { openPeopleFile, readKnownIds } from "./people-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-people-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("every user is restored in its last state and in order, except deleted users", () => {
  const path = join(folder, "deep", "people.jsonl");
  const people = openPeopleFile(path);
  const [ana, bia, caio] = [emptyUser("user_a", 1), emptyUser("user_b", 2), emptyUser("user_c", 3)];
  for (const user of [ana, bia, caio]) people.keepUser(user);
  people.keepCause("user_a", "webhook");
  people.keepCause("user_b", "ensure");
  people.keepUser({ ...ana, first_name: "Ana" });
  people.forgetUser("user_b");
  const again = openPeopleFile(path);
  expect(again.users).toEqual([{ ...ana, first_name: "Ana" }, caio]);
  expect([...again.causes]).toEqual([["user_a", "webhook"]]);
  expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(4);
  expect(readKnownIds(readFileSync(path, "utf8")).sort()).toEqual(["user_a", "user_b", "user_c"]);
});

test("a line that a full disk cut off loses only that line", () => {
  const path = join(folder, "people.jsonl");
  openPeopleFile(path).keepUser(emptyUser("user_a", 1));
  appendFileSync(path, '{"user":{"id":"user_b","created_');
  const again = openPeopleFile(path);
  again.keepUser(emptyUser("user_c", 3));
  expect(openPeopleFile(path).users.map((user) => user.id)).toEqual(["user_a", "user_c"]);
});
