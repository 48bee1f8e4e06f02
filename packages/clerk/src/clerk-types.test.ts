import type { UserJSON, WebhookEvent } from "@clerk/backend";
import { type ActedOnEventType, actedOnEventTypes } from "@rollcall/contracts";
import { expect, expectTypeOf, test } from "vitest";
import type { ClerkField, ClerkUser } from "./user.ts";
import { readClerkUser } from "./user.ts";

/** The compiler holds our schemas against the types of Clerk's own package: an update that changes them fails the gate. */

/** The part of Clerk's user that we read, with Clerk's types. A field that Clerk no longer has is no key here. */
type Read = Pick<UserJSON, ClerkField | "id">;

type Data<Type, Event = WebhookEvent> = Event extends { type: infer Types; data: infer Body }
  ? Type extends Types
    ? Body
    : never
  : never;

const ana = {
  id: "user_ana",
  username: null,
  first_name: "Ana",
  last_name: null,
  image_url: "https://img.example.com/ana",
  primary_email_address_id: null,
  email_addresses: [],
  public_metadata: { turma: "neon" },
  banned: false,
  created_at: 1,
  updated_at: 2,
} satisfies Read;

test("a user of Clerk's type is readable, field by field", () => {
  expectTypeOf<Read>().toExtend<Omit<ClerkUser, "unreadable">>();
  expect(readClerkUser(ana)).toEqual(ana);
});

test("the events that we act on are Clerk's, but for the one that Clerk sends and does not document", () => {
  expectTypeOf<Exclude<ActedOnEventType, WebhookEvent["type"]>>().toEqualTypeOf<"user.createdAtEdge">();
  expectTypeOf<Data<"user.created">["id"]>().toEqualTypeOf<string>();
  expectTypeOf<Data<"user.deleted">["id"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<Data<"session.created">["user_id"]>().toEqualTypeOf<string>();
  expect(actedOnEventTypes).toContain("user.createdAtEdge");
});
