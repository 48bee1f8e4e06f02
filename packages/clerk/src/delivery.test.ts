import { createHmac } from "node:crypto";
import { Webhook } from "svix";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createDeliveryReader } from "./delivery.ts";

const secret = `whsec_${Buffer.from("a secret that only tests know").toString("base64")}`;
const read = createDeliveryReader([secret]);
const event = '{"type":"user.updated","data":{"id":"user_1"}}';

/** Signs raw bytes as the specification says, with Node's HMAC. */
function sign(
  body: Buffer | string,
  { id = "msg_1", timestamp = String(Math.floor(Date.now() / 1_000)), by = secret } = {},
) {
  const key = Buffer.from(by.slice("whsec_".length), "base64");
  const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
  return { "svix-id": id, "svix-timestamp": timestamp, "svix-signature": `v1,${hmac.digest("base64")}` };
}

/** Long enough for the native check. */
const large = (type: string) => JSON.stringify({ type, data: { id: "user_1" }, filler: "x".repeat(20_000) });

test.each([
  ["small", event],
  ["large", large("user.updated")],
])("a %s signed delivery is an event", (_size, body) => {
  expect(read(sign(body), Buffer.from(body))).toMatchObject({ kind: "event", clerkId: "user_1" });
});

describe("Standard Webhooks' vector", () => {
  // From the specification's libraries: secret, id, timestamp, payload and signature belong together.
  const vector = {
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp: "1614265330",
    payload: '{"test": 2432232314}',
    signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Number(vector.timestamp) * 1_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const accepts = (names: "svix" | "webhook", signature = vector.signature) =>
    createDeliveryReader([vector.secret])(
      {
        [`${names}-id`]: vector.id,
        [`${names}-timestamp`]: vector.timestamp,
        [`${names}-signature`]: signature,
      },
      Buffer.from(vector.payload),
      // It has no type, so it is signed and unreadable.
    ).kind === "unreadable";

  test("is accepted under both names of the headers, and among other signatures", () => {
    expect(accepts("svix")).toBe(true);
    expect(accepts("webhook")).toBe(true);
    expect(accepts("svix", `v1,${"A".repeat(43)}= v2,abcd v1a,abcd ${vector.signature}`)).toBe(true);
  });

  test("is refused with one changed letter", () => {
    expect(accepts("svix", vector.signature.replace("g0hM", "g0hN"))).toBe(false);
  });

  test.each([-301, 301])("is refused %i s from its time", (seconds) => {
    vi.setSystemTime((Number(vector.timestamp) + seconds) * 1_000);
    expect(accepts("svix")).toBe(false);
  });
});

describe("refused, although a key holder signed something near it", () => {
  const now = () => String(Math.floor(Date.now() / 1_000));
  test.each<[string, () => Record<string, string | string[]>]>([
    ["letters behind the timestamp", () => ({ "svix-timestamp": `${now()}abc` })],
    ["a fraction behind the timestamp", () => ({ "svix-timestamp": `${now()}.5` })],
    ["a blank before the timestamp", () => ({ "svix-timestamp": ` ${now()}` })],
    ["a sign before the timestamp", () => ({ "svix-timestamp": `+${now()}` })],
    ["a zero before the timestamp", () => ({ "svix-timestamp": `0${now()}` })],
    ["two timestamps", () => ({ "svix-timestamp": `${now()}, ${now()}` })],
    ["two ids", () => sign(event, { id: "msg_1, msg_1" })],
    ["an id with a line break", () => sign(event, { id: "msg_1\n" })],
    ["an id of 257 characters", () => sign(event, { id: "m".repeat(257) })],
    ["two ids as a list", () => ({ "svix-id": ["msg_1", "msg_1"] })],
    ["an id that differs between the two names", () => ({ "webhook-id": "msg_2" })],
    ["a timestamp that differs between the two names", () => ({ "webhook-timestamp": "1" })],
    ["two signature headers", () => ({ "svix-signature": `${sign(event)["svix-signature"]}, v1,abcd` })],
    ["a signature that is no base64", () => ({ "svix-signature": "v1,%%%" })],
  ])("%s", (_what, change) => {
    // The form alone refuses: the signature of most of them is right.
    expect(read({ ...sign(event), ...change() }, Buffer.from(event))).toEqual({
      kind: "refused",
      reason: "headers",
    });
  });

  test.each([
    ["small", ""],
    ["large", "x".repeat(20_000)],
  ])("a byte FF in the place of a signed U+FFFD, in a %s body", (_size, filler) => {
    const body = (mark: Buffer) =>
      Buffer.concat([
        Buffer.from('{"type":"user.updated","data":{"id":"user_1","x":"'),
        mark,
        Buffer.from(`${filler}"}}`),
      ]);
    const signed = body(Buffer.from("\ufffd"));
    const headers = sign(signed);
    expect(read(headers, signed)).toMatchObject({ kind: "event" });
    expect(read(headers, body(Buffer.from([0xff])))).toMatchObject({ kind: "refused" });
  });

  test("bytes that are no UTF-8, even when they are signed themselves", () => {
    const body = Buffer.concat([Buffer.from(event), Buffer.from([0xff])]);
    expect(read(sign(body), body)).toMatchObject({ kind: "refused" });
  });
});

describe("events of organizations and memberships", () => {
  const withOrganizations = createDeliveryReader([secret], { organizations: true });
  const organization = { id: "org_1", name: "Acme" };
  const membership = { id: "orgmem_1", organization, public_user_data: { user_id: "user_1" } };
  const readEvent = (type: string, data: unknown, reader = withOrganizations) => {
    const body = JSON.stringify({ type, data });
    return reader(sign(body), Buffer.from(body));
  };

  test.each([
    ["organization.created", organization, { clerkOrgId: "org_1", clerkId: undefined }],
    ["organization.updated", organization, { clerkOrgId: "org_1", clerkId: undefined }],
    ["organization.deleted", { id: "org_1", deleted: true }, { clerkOrgId: "org_1", clerkId: undefined }],
    ["organizationMembership.created", membership, { clerkOrgId: "org_1", clerkId: "user_1" }],
    ["organizationMembership.updated", membership, { clerkOrgId: "org_1", clerkId: "user_1" }],
    ["organizationMembership.deleted", membership, { clerkOrgId: "org_1", clerkId: "user_1" }],
  ])("%s names its ids, and is ignored without organizations", (type, data, ids) => {
    expect(readEvent(type, data)).toMatchObject({ kind: "organization-event", type, ...ids });
    expect(readEvent(type, data, read)).toMatchObject({ kind: "ignored", type });
  });

  test.each([
    ["organization.deleted", { deleted: true }],
    ["organization.created", { id: "user_1" }],
    ["organizationMembership.deleted", { id: "orgmem_1", deleted: true }],
    ["organizationMembership.created", { ...membership, public_user_data: null }],
    ["organizationMembership.created", { ...membership, organization: { id: "org_../x" } }],
  ])("%s without readable ids is unreadable: %j", (type, data) => {
    expect(readEvent(type, data)).toMatchObject({ kind: "unreadable", type });
  });

  test("a user's event is read as without organizations", () => {
    expect(readEvent("user.updated", { id: "user_1" })).toMatchObject({ kind: "event", clerkId: "user_1" });
  });
});

test("an unsigned large body never reaches svix, and a signed one does", () => {
  const verify = vi.spyOn(Webhook.prototype, "verify");
  const body = Buffer.from(large("user.updated"));
  const other = `whsec_${Buffer.from("another secret, for tests only").toString("base64")}`;
  expect(read(sign(body, { by: other }), body)).toMatchObject({ kind: "refused" });
  expect(verify).not.toHaveBeenCalled();
  expect(createDeliveryReader([other, secret])(sign(body), body)).toMatchObject({ kind: "event" });
  expect(verify).toHaveBeenCalledTimes(1);
  verify.mockRestore();
});

test("svix decides: a delivery that it refuses is refused, whatever the native check says", () => {
  const verify = vi.spyOn(Webhook.prototype, "verify").mockImplementation(() => {
    throw new Error("No matching signature found");
  });
  const body = large("user.updated");
  expect(read(sign(body), Buffer.from(body))).toMatchObject({ kind: "refused" });
  verify.mockRestore();
});

describe("with a svix whose verify returns nothing, as that of 2.x", () => {
  beforeEach(() => {
    const { verify } = Webhook.prototype;
    vi.spyOn(Webhook.prototype, "verify").mockImplementation(function (this: Webhook, ...given) {
      try {
        verify.apply(this, given);
      } catch (error) {
        // svix 2 does not parse the body, so a body that is no JSON raises no error there.
        if (!(error instanceof SyntaxError)) throw error;
      }
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each([
    ["event", event],
    ["event", large("user.deleted")],
    ["ignored", large("email.created")],
    ["unreadable", "not json"],
    ["unreadable", "null"],
  ])("a signed delivery is still %s", (kind, body) => {
    expect(read(sign(body), Buffer.from(body))).toMatchObject({ kind });
  });

  test("an unsigned one is still refused", () => {
    expect(read({ ...sign(event), "svix-id": "msg_2" }, Buffer.from(event))).toMatchObject({
      kind: "refused",
    });
  });
});
