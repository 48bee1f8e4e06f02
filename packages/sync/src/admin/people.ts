import { type ClerkGateway, type ClerkUser, maxIdsPerRead } from "@rollcall/clerk";
import { type Person, withTimeout } from "@rollcall/contracts";
import { findPeople, type Pool } from "@rollcall/db";

/** An operator waits for the list, which is whole without names. */
const longestWaitMs = 1_500;

/**
 * Finds out who the users of a page are: from their rows and, for ids without a row, from Clerk in one request. A source
 * that does not answer soon is left out. Use the names in an answer alone, never in a log, a job or an event.
 *
 * @param clerk undefined to ask for rows alone
 */
export async function describePeople(
  { pool, clerk }: { pool: Pool; clerk?: ClerkGateway | undefined },
  clerkIds: readonly (string | null)[],
): Promise<Map<string, Person>> {
  const ids = [...new Set(clerkIds.filter((id) => id !== null))];
  if (ids.length === 0) return new Map();
  const people = await orNone(findPeople(pool, ids));
  const unknown = ids.filter((id) => !people.has(id)).slice(0, maxIdsPerRead);
  if (!clerk || unknown.length === 0) return people;
  const found = await orNone(clerk.readUsers(unknown));
  for (const [id, result] of found) if ("found" in result) people.set(id, describeUser(result.found));
  return people;
}

async function orNone<Found>(search: Promise<Map<string, Found>>): Promise<Map<string, Found>> {
  return withTimeout(search, longestWaitMs).catch(() => new Map());
}

function describeUser(user: ClerkUser): Person {
  const name = [user.first_name, user.last_name].filter(Boolean).join(" ") || user.username;
  const primary = user.email_addresses?.find(({ id }) => id === user.primary_email_address_id);
  return { name: name ?? null, email: primary?.email_address ?? null };
}
