import { userInfo } from "node:os";

/** Whoever has the environment's secrets may do anything; the timeline says under which login it was. */
export function nameCaller(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // In a container the login may be a number without a name.
    return `cli:${process.getuid?.() ?? "unknown"}`;
  }
}
