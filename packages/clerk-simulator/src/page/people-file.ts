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
 * is skipped. Seeded users are not kept.
 */
export function openPeopleFile(path: string): PeopleFile {
  mkdirSync(dirname(path), { recursive: true });
  const { users, causes } = replay(existsSync(path) ? readFileSync(path, "utf8") : "");
  const lines: Line[] = [
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

type KeptUser = Extract<Line, { user: unknown }>["user"];

function replay(text: string): { users: Map<string, KeptUser>; causes: Map<string, string> } {
  const users = new Map<string, KeptUser>();
  const causes = new Map<string, string>();
  for (const line of text.split("\n").flatMap(readLine)) {
    if ("user" in line) users.set(line.user.id, line.user);
    else if ("cause" in line) causes.set(...line.cause);
    else {
      users.delete(line.gone);
      causes.delete(line.gone);
    }
  }
  return { users, causes };
}

function readLine(text: string): Line[] {
  try {
    return [lineSchema.parse(JSON.parse(text))];
  } catch {
    return [];
  }
}
