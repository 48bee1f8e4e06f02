import { userInfo } from "node:os";

/** Whoever has the environment's secrets may do anything; the timeline says under which login it was. */
export function nameCaller(): string {
  return `cli:${userInfo().username}`;
}
