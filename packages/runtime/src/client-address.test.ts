import { expect, test } from "vitest";
import { isLoopback, readTrustProxy, toAddressKey } from "./client-address.ts";

test.each([
  ["203.0.113.8", "203.0.113.8"],
  [" 203.0.113.8:40000", "203.0.113.8"],
  ["::ffff:203.0.113.8", "203.0.113.8"],
  ["::FFFF:cb00:7108", "203.0.113.8"],
  ["[::ffff:203.0.113.8]:40001", "203.0.113.8"],
  ['"203.0.113.8:1"', "203.0.113.8"],
  ["2001:db8::8", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:ffff:1:2:3", "2001:db8:0:0::/64"],
  ["[2001:db8::8]:40000", "2001:db8:0:0::/64"],
  ["[2001:db8::8]", "2001:db8:0:0::/64"],
  ["2001:db8::8:40000", "2001:db8:0:0::/64"],
  ["2001:db8:0:1::8", "2001:db8:0:1::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("%s counts as %s", (text, key) => {
  expect(toAddressKey(text)).toBe(key);
});

test.each([
  "",
  "unknown",
  "_hidden",
  "203.0.113",
  "1.2.3.4:port",
  "[1.2.3.4",
  "2001:db8::g",
  "a".repeat(10_000),
])("%j is no address", (text) => {
  expect(toAddressKey(text)).toBeUndefined();
});

test.each([
  ["10.0.0.0/8", "10.1.2.3", true],
  ["10.0.0.0/8", "10.1.2.3:8080", true],
  ["10.0.0.0/8", "::ffff:10.1.2.3", true],
  ["10.0.0.0/8", "11.1.2.3", false],
  ["::ffff:10.0.0.0/104", "10.1.2.3", true],
  ["::ffff:10.0.0.0/104", "11.1.2.3", false],
  ["::/80", "11.1.2.3", false],
  ["127.0.0.1, fd00::/8", "[fd00::5]:9000", true],
  ["127.0.0.1, fd00::/8", "fe00::5", false],
  ["127.0.0.1", "unknown", false],
  ["true", "anything", true],
])("TRUST_PROXY=%s and the entry %s: trusted is %s", (value, entry, expected) => {
  const trusts = readTrustProxy(value);
  expect(typeof trusts === "function" ? trusts(entry) : trusts).toBe(expected);
});

test("without TRUST_PROXY, and with false, no proxy is trusted", () => {
  expect([readTrustProxy(undefined), readTrustProxy("false")]).toEqual([false, false]);
});

test.each([
  ["127.0.0.1", true],
  ["127.8.8.8", true],
  ["::1", true],
  ["[::1]", true],
  ["::ffff:127.0.0.1", true],
  ["128.0.0.1", false],
  ["::2", false],
  ["localhost", false],
])("%s is of this machine: %s", (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});
