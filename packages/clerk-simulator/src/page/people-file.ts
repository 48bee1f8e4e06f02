import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { ClerkUser } from "../users/clerk-user.ts";

/** The simulator's users on disk. Without it, after a restart every row in Postgres would belong to a missing user. */
export type PeopleFile = {
  /** In the order of sign-up. */
  users: ClerkUser[];
  causes: Map<string, string>;
  keepUser(user: ClerkUser): void;
  forgetUser(userId: string): void;
  keepCause(userId: string, cause: string): void;
};

const lineSchema = z.union([
  z.object({ user: z.looseObject({ id: z.string(), created_at: z.number(), updated_at: z.number() }) }),
  z.object({ gone: z.string() }),
  z.object({ cause: z.tuple([z.string(), z.string()]) }),
]);
type Line = z.infer<typeof lineSchema>;

/**
 * Opens the file and compacts it. Each change appends one line at once, so that a kill loses no user. An incomplete line
 * is skipped. Seeded users are not kept. Ids of deleted users stay, because Rollcall may still have a live row of one.
 */
export function openPeopleFile(path: string): PeopleFile {
  mkdirSync(dirname(path), { recursive: true });
  const { users, causes, gone } = replay(existsSync(path) ? readFileSync(path, "utf8") : "");
  const lines: Line[] = [
    ...[...gone].map((id) => ({ gone: id })),
    ...[...users.values()].map((user) => ({ user })),
    ...[...causes].map((cause) => ({ cause })),
  ];
  const compact = `${path}.new`;
  writeFileSync(compact, lines.map((line) => `${JSON.stringify(line)}\n`).join(""), { mode: 0o600 });
  renameSync(compact, path);

  const add = (line: object) => appendFileSync(path, `${JSON.stringify(line)}\n`);
  return {
    // This module wrote the lines, from a ClerkUser.
    users: [...users.values()] as unknown as ClerkUser[],
    causes,
    keepUser: (user) => add({ user }),
    forgetUser: (gone) => add({ gone }),
    keepCause(userId, cause) {
      causes.set(userId, cause);
      add({ cause: [userId, cause] });
    },
  };
}

/** The ids of all users that the simulator has or had, deleted ones included, from the text of the file. */
export function readKnownIds(text: string): string[] {
  const { users, gone } = replay(text);
  return [...users.keys(), ...gone];
}

type KeptUser = Extract<Line, { user: unknown }>["user"];

type Replayed = { users: Map<string, KeptUser>; causes: Map<string, string>; gone: Set<string> };

function replay(text: string): Replayed {
  const users = new Map<string, KeptUser>();
  const causes = new Map<string, string>();
  const gone = new Set<string>();
  for (const line of text.split("\n").flatMap(readLine)) {
    if ("user" in line) {
      users.set(line.user.id, line.user);
      gone.delete(line.user.id);
    } else if ("cause" in line) causes.set(...line.cause);
    else {
      users.delete(line.gone);
      causes.delete(line.gone);
      gone.add(line.gone);
    }
  }
  return { users, causes, gone };
}

function readLine(text: string): Line[] {
  try {
    return [lineSchema.parse(JSON.parse(text))];
  } catch {
    return [];
  }
}
