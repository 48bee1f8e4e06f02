import { listSubscribedEventTypes } from "@rollcall/contracts";
import { type Pool, readLastDeliveries } from "@rollcall/db";
import type { Environment } from "../../cli.ts";
import { type Finding, note, ok } from "./finding.ts";

/** An event type without a delivery for so long is named. Sign-ins and edits are rarely rarer. */
const longestSilenceDays = 7;
const dayMs = 86_400_000;

/**
 * Whether deliveries of each event type arrive. This is the only evidence of an endpoint's types, because Clerk has no API that
 * tells them. It is no fault: perhaps no user was deleted. Nothing without a signing secret or before the first migrate.
 */
export async function checkDeliveries(environment: Environment, pool: Pool): Promise<Finding[]> {
  if (!environment["CLERK_WEBHOOK_SIGNING_SECRET"]?.trim()) return [];
  const found = await readLastDeliveries(pool).catch(() => undefined);
  if (!found) return [];
  const last = new Map(found.map(({ type, lastAt }) => [type, lastAt]));
  return [judgeDeliveries(last, Date.now(), listSubscribedEventTypes(pool.tables.mapping))];
}

/**
 * @param last the time of the last verified delivery, by event type
 * @param types those that the endpoint must have
 */
export function judgeDeliveries(
  last: ReadonlyMap<string, Date>,
  nowMs: number,
  types: readonly string[],
): Finding {
  const name = "webhook.deliveries";
  const silent = types.flatMap((type) => {
    const at = last.get(type);
    if (at === undefined) return [`${type} (never)`];
    const days = Math.floor((nowMs - at.getTime()) / dayMs);
    return days >= longestSilenceDays ? [`${type} (${days} days ago)`] : [];
  });
  if (silent.length === 0)
    return ok(name, `All ${types.length} event types arrived within ${longestSilenceDays} days.`);
  const isFirst = types.every((type) => !last.has(type));
  return isFirst
    ? note(name, "No webhook with a right signature has arrived yet. rollcall clerk setup prints the steps.")
    : note(
        name,
        `No delivery within ${longestSilenceDays} days: ${silent.join(", ")}. Unless nothing happened, the endpoint at Clerk lacks these types.`,
      );
}
