import type { TRPCError } from "@trpc/server";

/**
 * What a log may say of the fault behind an error: its name and its code, such as a SQLSTATE. Message and stack of a
 * database's errors quote rows.
 */
export function describeCause({ code, cause }: Pick<TRPCError, "code" | "cause">): string {
  if (code !== "INTERNAL_SERVER_ERROR" || cause === undefined) return "";
  const reason = "code" in cause ? [cause.name, cause.code] : [cause.name];
  return ` (${reason.filter(isWord).join(" ")})`;
}

function isWord(text: unknown): boolean {
  return typeof text === "string" && /^\w+$/.test(text);
}
