import type { ClerkUser } from "@rollcall/clerk-simulator";
import type { Acceptance } from "../ledger.ts";

/** A webhook of Clerk's before it is signed. */
export type Message = {
  /** The svix-id, the same for every copy. */
  id: string;
  body: string;
  /** The user, the organization or the pair that it names; undefined if the body is unreadable. */
  clerkId: string | undefined;
  kind: Acceptance["kind"];
  ofTeam?: boolean;
};

const kinds = {
  "user.created": "refresh",
  "user.updated": "refresh",
  "user.deleted": "delete",
  "session.created": "provision",
} as const satisfies Record<string, Acceptance["kind"]>;

export type MessageType = keyof typeof kinds;

let messages = 0;

export function writeMessage(type: MessageType, clerkId: string, user?: ClerkUser): Message {
  return {
    id: nextId(),
    clerkId,
    kind: kinds[type],
    body: JSON.stringify({
      data: toEventData(type, clerkId, user),
      object: "event",
      timestamp: Date.now(),
      type,
    }),
  };
}

/** @param name the organization, or the pair */
export function writeTeamMessage(
  type:
    | `organization.${"created" | "updated" | "deleted"}`
    | `organizationMembership.${"created" | "updated" | "deleted"}`,
  name: string,
  data: unknown,
  atMs: number,
): Message {
  return {
    id: nextId(),
    clerkId: name,
    kind: type.endsWith(".deleted") ? "delete" : "refresh",
    ofTeam: true,
    body: JSON.stringify({ data, object: "event", timestamp: atMs, type }),
  };
}

function toEventData(type: MessageType, clerkId: string, user: ClerkUser | undefined): unknown {
  if (type === "user.deleted") return { object: "user", id: clerkId, deleted: true };
  if (type === "session.created") return { object: "session", id: `sess_${clerkId}`, user_id: clerkId };
  return user ?? { object: "user", id: clerkId };
}

/** A body that names no user. It is signed all the same, so it must become a dead letter. */
export function writePoison(number: number, isJson: boolean): Message {
  const fields = `"email":"canary.poison${number}@serinus.example","number":${number}`;
  const body = isJson ? `{"type":"user.created","data":{${fields}}}` : `{${fields}`;
  return { id: nextId(), clerkId: undefined, kind: "refresh", body };
}

function nextId(): string {
  messages += 1;
  return `msg_chaos${messages}`;
}
