import type { SystemStatus } from "@rollcall/contracts";
import { readStatus } from "@rollcall/sync";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { table } from "../table.ts";

export const status: Command = {
  synopsis: "status",
  summary: "what a person should look at, and the figures behind it",
  run: async ({ words, json }, open) => {
    if (words.length > 0) throw new UsageError("status takes nothing.");
    const found = await readStatus(open().context);
    if (json) printJson(found);
    else printLines(print(found));
    return exitCodes.done;
  },
};

function print(status: SystemStatus): string[] {
  const { problems, queue, clerk, missingMigrations, users } = status;
  const migrations = missingMigrations && (missingMigrations.join(", ") || "all there");
  const figures = [
    ["Postgres", status.postgres],
    ["Queues", `${queue.state}, on ${queue.backend}`],
    ["Clerk", [clerk.state, clerk.users === null ? [] : `${clerk.users} users`].flat().join(", ")],
    ["Migrations", migrations ?? "unknown"],
    ["Workers", say(status.workers)],
    ["Users", say(users?.live)],
    ["Without profile", say(users?.withoutProfile)],
    ["Banned", say(users?.banned)],
    ["Deleted", say(users?.deleted)],
    ["Alerts", status.alertsFiring.join(", ") || "none fires"],
    ["Dead letters", say(status.deadLetters)],
    ["Conflicts", say(status.conflictsOpen)],
    ["Deletions held", say(status.deletionsHeld)],
  ];
  const titles = ["Queue", "waiting", "active", "delayed", "failed"];
  const queues = status.queues.map((entry) =>
    [entry.name, entry.waiting, entry.active, entry.delayed, entry.failed].map(String),
  );
  const runs = status.runs.map(({ mode, id, state, seen, finishedAt }) =>
    [mode, id, state, seen, finishedAt ?? ""].map(String),
  );
  return [
    ...(problems.length === 0 ? ["All is well."] : problems),
    "",
    ...table(figures),
    ...(runs.length === 0 ? [] : ["", ...table([["Run", "id", "state", "seen", "finished"], ...runs])]),
    ...(queues.length === 0 ? [] : ["", ...table([titles, ...queues])]),
  ];
}

function say(count: number | null | undefined): string {
  return count === null || count === undefined ? "unknown" : String(count);
}
