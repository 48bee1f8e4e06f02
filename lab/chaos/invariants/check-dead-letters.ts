import { createHash } from "node:crypto";
import { z } from "zod";
import type { Ledger, Violation } from "../ledger.ts";

const invariant = "dead letters are exactly the poison";

const letter = z.object({
  code: z.string(),
  payload: z.object({
    clerkId: z.string().optional(),
    clerkOrgId: z.string().optional(),
    sha256: z.string().optional(),
  }),
});

/**
 * Each poisoned body and each requested, unreadable user has a dead letter. There are no other dead letters.
 *
 * @param options.mayLack a failover may have lost dead letters
 */
export function checkDeadLetters(
  ledger: Ledger,
  found: readonly unknown[],
  { mayLack = false }: { mayLack?: boolean } = {},
): Violation[] {
  const letters = z.array(letter).parse(found);
  const bodies = new Set(
    [...ledger.quarantined].map((body) => createHash("sha256").update(body).digest("hex")),
  );
  const users = new Set(
    ledger.acceptances.flatMap(({ clerkId }) => (ledger.accounts.get(clerkId)?.isPoison ? [clerkId] : [])),
  );
  const foundBodies = letters.flatMap(({ payload }) => payload.sha256 ?? []);
  const foundUsers = new Set(letters.flatMap(({ payload }) => payload.clerkId ?? []));
  return [
    ...[...bodies]
      .filter((sha256) => {
        const count = foundBodies.filter((one) => one === sha256).length;
        return count > 1 || (count === 0 && !mayLack);
      })
      .map((sha256) => ({ invariant, detail: `the quarantined body ${sha256} does not have exactly one` })),
    ...foundBodies
      .filter((sha256) => !bodies.has(sha256))
      .map((sha256) => ({ invariant, detail: `${sha256} was never sent` })),
    ...[...users]
      .filter((id) => !foundUsers.has(id) && !mayLack)
      .map((clerkId) => ({ invariant, detail: "has none", clerkId })),
    ...letters.flatMap(({ code, payload: { clerkId, clerkOrgId } }) =>
      clerkOrgId === undefined ? [] : [{ invariant, detail: `one of ${clerkOrgId} is by ${code}`, clerkId }],
    ),
    ...letters.flatMap(({ code, payload: { clerkId, clerkOrgId } }) =>
      clerkOrgId !== undefined || clerkId === undefined || ledger.accounts.get(clerkId)?.isPoison
        ? []
        : [{ invariant, detail: `is one by ${code}`, clerkId }],
    ),
  ];
}
