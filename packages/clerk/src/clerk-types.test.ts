import type { OrganizationJSON, OrganizationMembershipJSON, UserJSON, WebhookEvent } from "@clerk/backend";
import { type ActedOnEventType, actedOnEventTypes, type OrganizationEventType } from "@rollcall/contracts";
import { expect, expectTypeOf, test } from "vitest";
import type { ClerkMembership, ClerkOrganization } from "./organization.ts";
import { readClerkMembership, readClerkOrganization } from "./organization.ts";
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

const acme = {
  id: "org_acme",
  name: "Acme",
  slug: "acme",
  image_url: "https://img.example.com/acme",
  members_count: 1,
  created_at: 1,
  updated_at: 2,
} satisfies Pick<OrganizationJSON, keyof Omit<ClerkOrganization, "unreadable">>;

const anasMembership = {
  id: "orgmem_ana",
  role: "org:admin",
  organization: { id: "org_acme" },
  public_user_data: { user_id: "user_ana" },
  created_at: 3,
  updated_at: 4,
} satisfies Pick<OrganizationMembershipJSON, "id" | "role" | "created_at" | "updated_at"> & {
  organization: Pick<OrganizationMembershipJSON["organization"], "id">;
  public_user_data: Pick<OrganizationMembershipJSON["public_user_data"], "user_id">;
};

test("an organization and a membership of Clerk's types are readable, field by field", () => {
  expect(readClerkOrganization(acme)).toEqual(acme);
  expect(readClerkMembership(anasMembership)).toEqual({
    id: "orgmem_ana",
    clerkOrgId: "org_acme",
    clerkId: "user_ana",
    role: "org:admin",
    created_at: 3,
    updated_at: 4,
  } satisfies ClerkMembership);
});

test("the events that we act on are Clerk's, but for the one that Clerk sends and does not document", () => {
  expectTypeOf<Exclude<ActedOnEventType, WebhookEvent["type"]>>().toEqualTypeOf<"user.createdAtEdge">();
  expectTypeOf<OrganizationEventType>().toExtend<WebhookEvent["type"]>();
  expectTypeOf<Data<"organizationMembership.deleted">>().toExtend<OrganizationMembershipJSON>();
  expectTypeOf<Data<"user.created">["id"]>().toEqualTypeOf<string>();
  expectTypeOf<Data<"user.deleted">["id"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<Data<"session.created">["user_id"]>().toEqualTypeOf<string>();
  expect(actedOnEventTypes).toContain("user.createdAtEdge");
});
