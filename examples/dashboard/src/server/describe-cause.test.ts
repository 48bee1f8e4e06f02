import { TRPCError } from "@trpc/server";
import { expect, test } from "vitest";
import { describeCause } from "./describe-cause.ts";

const message = "Key (email)=(ana@example.com) already exists.";
const fault = (props: object) => Object.assign(new Error(message), props);
const internal = (cause: unknown) => new TRPCError({ code: "INTERNAL_SERVER_ERROR", message, cause });

test.each([
  ["a database's error", internal(fault({ code: "42P01" })), " (Error 42P01)"],
  ["a connection's", internal(fault({ code: "ECONNREFUSED" })), " (Error ECONNREFUSED)"],
  ["one of the code", internal(new TypeError(message)), " (TypeError)"],
  ["one whose code is a sentence", internal(fault({ code: message })), " (Error)"],
  ["a refusal", new TRPCError({ code: "FORBIDDEN", message, cause: fault({ code: "42P01" }) }), ""],
])("of %s the log has name and code, and no word that may be a person's", (_, error, expected) => {
  expect(describeCause(error)).toBe(expected);
});
