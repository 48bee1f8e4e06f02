import { expect, test } from "vitest";
import { makeToken } from "./testing/ensure-server.ts";
import { readTokenSubject } from "./token-subject.ts";

test("the subject of a JWT is read, whatever other claims it has", () => {
  expect(readTokenSubject(makeToken("user_1"))).toBe("user_1");
});

test.each(["", "opaque", "a.b.c", "a.bnVsbA.c", "a.W10.c", "a.eyJzdWIiOjV9.c", "a.%%%.c"])(
  "%j has no subject",
  (token) => expect(readTokenSubject(token)).toBeUndefined(),
);
