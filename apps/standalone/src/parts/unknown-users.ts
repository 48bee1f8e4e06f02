import { countUnknownUsers } from "@rollcall/clerk-simulator";
import { toQualified } from "@rollcall/contracts";
import { places } from "../places.ts";
import type { Settings } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { peopleFileIn } from "./simulator.ts";

/** The option of a start that accepts the loss. */
export const emptyUnknownUsers = "--empty-unknown-users";

/**
 * Stops a start with the simulator on a database of the operator's own that has users of another Clerk. The simulator
 * does not know them, so the first full sync would take them for deleted, and empty their rows for good.
 *
 * @param dir the folder of the simulator's people
 * @param fresh whether the start makes the simulator forget its people
 * @throws StartError
 */
export async function refuseUnknownUsers(
  { databaseUrl, realClerk, mapping: { users } }: Settings,
  dir: string,
  fresh: boolean,
): Promise<void> {
  if (databaseUrl === undefined || realClerk !== undefined) return;
  const [schema, table] = toQualified(users.table);
  const { clerkId, deletedAt = users.state === "separate" ? undefined : "deleted_at" } = users.columns;
  const { count, database, server } = await countUnknownUsers(
    databaseUrl,
    { table: [schema, table], clerkId, deletedAt },
    fresh ? undefined : peopleFileIn(dir),
  ).catch((error: unknown) => {
    throw new StartError(
      `The users in the database of DATABASE_URL cannot be compared with the simulator's: ${describe(error)}\nCheck that this Postgres runs, and that its role may read ${schema}.${table}.`,
    );
  });
  if (count === 0) return;
  throw new StartError(
    [
      `The Clerk simulator does not know ${count === 1 ? "1 live user" : `${count} live users`} of ${schema}.${table} in the database ${database} at ${server}. Nothing was changed.`,
      "A full sync would take them for deleted at Clerk, and empty their emails, names and images for good.",
      "",
      ...(fresh ? ["Start without --fresh, which makes the simulator forget its people. Or:"] : []),
      "- Set DATABASE_URL to another database, or unset it: an embedded Postgres takes its place.",
      "- Set CLERK_SECRET_KEY to use the Clerk that knows these users.",
      `- Let them be emptied: ${places.commandWith(fresh ? `--fresh ${emptyUnknownUsers}` : emptyUnknownUsers)}`,
    ].join("\n"),
  );
}

/** Never shows the URL. */
function describe(error: unknown): string {
  // Several addresses of one host fail together, without a message of their own.
  if (error instanceof AggregateError) return error.errors.map(describe).join("; ");
  return error instanceof Error ? error.message : "unknown error";
}
