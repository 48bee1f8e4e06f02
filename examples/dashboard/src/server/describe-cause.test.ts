import { TRPCError } from "@trpc/server";
import { expect, test } from "vitest";
import { describeCause } from "./describe-cause.ts";

const message = "Key (email)=(ana@example.com) already exists.";
const fault = (props: object) => Object.assign(new Error(message), props);
const internal = (cause: unknown) => new TRPCError({ code: "INTERNAL_SERVER_ERROR", message, cause });

test.each([
  ["a database error", internal(fault({ code: "42P01" })), " (Error 42P01)"],
  ["a connection error", internal(fault({ code: "ECONNREFUSED" })), " (Error ECONNREFUSED)"],
  ["a programming error", internal(new TypeError(message)), " (TypeError)"],
  ["an error with a sentence as its code", internal(fault({ code: message })), " (Error)"],
  ["a refusal", new TRPCError({ code: "FORBIDDEN", message, cause: fault({ code: "42P01" }) }), ""],
])("for %s the log has name and code, and no personal data", (_, error, expected) => {
  expect(describeCause(error)).toBe(expected);
});
