import type { ProfileShape, UserReport } from "@rollcall/contracts";

/** The key, in answers about one user, of the profile's column that takes a field of Clerk's user. */
export function keyFrom(
  shape: ProfileShape | null,
  from: ProfileShape["columns"][number]["from"],
): string | undefined {
  return shape?.columns.find((column) => column.from === from)?.key;
}

/** A text of a profile; undefined for an empty one. */
export function readText(profile: UserReport["mentorado"], key: string | undefined): string | undefined {
  const value = Object.entries(profile ?? {}).find(([name]) => name === key)?.[1];
  return typeof value === "string" && value !== "" ? value : undefined;
}
