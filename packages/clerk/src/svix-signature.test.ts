import fc from "fast-check";
import { Webhook } from "svix";
import { expect, test } from "vitest";
import { createSignatureCheck, type SignedHeaders } from "./svix-signature.ts";

const secret = `whsec_${Buffer.from("a secret of the unit tests").toString("base64")}`;
const check = createSignatureCheck(secret);
const svix = new Webhook(secret);

function sign(id: string, at: Date, body: string): SignedHeaders {
  return { id, timestamp: String(Math.floor(at.getTime() / 1_000)), signatures: svix.sign(id, at, body) };
}

/** What Svix' own library says. */
function isSignedForSvix({ id, timestamp, signatures }: SignedHeaders, body: Buffer): boolean {
  try {
    svix.verify(body, { "svix-id": id, "svix-timestamp": timestamp, "svix-signature": signatures });
    return true;
  } catch (error) {
    return error instanceof SyntaxError;
  }
}

const deliveries = fc.record({
  id: fc.string({ minLength: 1, unit: "grapheme" }),
  offsetS: fc.integer({ min: -310, max: 310 }).filter((offsetS) => Math.abs(Math.abs(offsetS) - 300) > 2),
  body: fc.string({ unit: "grapheme" }),
});

test("whatever Svix signs is judged as Svix' own library does, by its time too", () => {
  fc.assert(
    fc.property(deliveries, ({ id, offsetS, body }) => {
      const headers = sign(id, new Date(Date.now() + offsetS * 1_000), body);
      const bytes = Buffer.from(body);
      expect(check(headers, bytes)).toBe(Math.abs(offsetS) <= 300);
      expect(check(headers, bytes)).toBe(isSignedForSvix(headers, bytes));
    }),
  );
});

test("one changed byte of id, time, body or signature is refused", () => {
  fc.assert(
    fc.property(deliveries, fc.nat(), fc.integer({ min: 1, max: 255 }), (delivery, at, by) => {
      const headers = sign(delivery.id, new Date(), `{${delivery.body}`);
      const change = (text: string) => {
        const bytes = Buffer.from(text);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ by;
        return bytes;
      };
      const body = Buffer.from(`{${delivery.body}`);
      expect(check(headers, change(`{${delivery.body}`))).toBe(false);
      expect(check({ ...headers, id: `${headers.id}x` }, body)).toBe(false);
      expect(check({ ...headers, timestamp: String(Number(headers.timestamp) + 1) }, body)).toBe(false);
      expect(check({ ...headers, signatures: change(headers.signatures).toString("latin1") }, body)).toBe(
        false,
      );
    }),
  );
});

test("of several signatures one is enough, whatever stands around it", () => {
  const body = Buffer.from("{}");
  const headers = sign("msg_1", new Date(), "{}");
  const { signatures } = headers;
  for (const several of [`v1,AAAA ${signatures}`, `${signatures} v2,x`, `v1a,x v1 , ${signatures}`]) {
    expect(check({ ...headers, signatures: several }, body)).toBe(true);
  }
  for (const none of [
    "",
    " ",
    "v1",
    "v1,",
    signatures.slice(3),
    signatures.replace("v1", "v2"),
    `${signatures}=`,
  ]) {
    expect(check({ ...headers, signatures: none }, body)).toBe(false);
  }
});

test("a time that is not whole seconds in digits is refused", () => {
  const headers = sign("msg_1", new Date(), "{}");
  for (const timestamp of [
    "",
    "now",
    ` ${headers.timestamp}`,
    `${headers.timestamp}.0`,
    "1e9",
    "-1",
    "0x10",
  ]) {
    expect(check({ ...headers, timestamp }, Buffer.from("{}"))).toBe(false);
  }
});

test("bodies that are no UTF-8 are told apart by their bytes", () => {
  const headers = sign("msg_1", new Date(), "\uFFFD");
  expect(check(headers, Buffer.from("\uFFFD"))).toBe(true);
  expect(check(headers, Buffer.from([0xff]))).toBe(false);
});

test.each(["whsec_", "whsec_not base64", "whsec_YWJj=", ""])("%s is no secret", (wrong) => {
  expect(() => createSignatureCheck(wrong)).toThrow(TypeError);
});
