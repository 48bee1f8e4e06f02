import type { ClerkUser } from "@rollcall/clerk-simulator";
import { type EnsureReady, ensureReady } from "@rollcall/contracts";
import type { Call, Ledger, Violation } from "../ledger.ts";
import { expectedRow } from "./expected-row.ts";

const invariant = "ensure says what Clerk says";

/** What ensure says of somebody once all is still: nothing that a cache kept from before. */
export function checkLastEnsures(ledger: Ledger, { about, status, text }: Call): Violation[] {
  const account = ledger.accounts.get(about);
  const last = account?.versions.at(-1);
  if (!account || !last) return [];
  // Who came and went unnoticed is not deleted but unknown, or looked for.
  const wanted = account.leftAtMs !== undefined ? [410, 404, 202] : last.banned ? [403] : [200];
  const fault = (what: string) => [{ invariant, what, clerkId: about }];
  if (!wanted.some((one) => one === status))
    return fault(`was answered ${status} instead of ${wanted.join(" or ")}`);
  return status === 200 ? findStale(ensureReady.parse(JSON.parse(text)), last).flatMap(fault) : [];
}

function findStale({ user, mentorado }: EnsureReady, last: ClerkUser): string[] {
  const expected = expectedRow(last);
  const said = {
    email: user.email,
    email_verified: user.emailVerified,
    name: user.name,
    image_url: user.imageUrl,
    role: user.role,
    banned: user.banned,
    clerk_updated_at: user.clerkUpdatedAt === null ? null : Date.parse(user.clerkUpdatedAt),
  };
  const stale = Object.entries(said).filter(([column, value]) => Reflect.get(expected, column) !== value);
  return [
    ...stale.map(([column]) => `was answered with an old ${column}`),
    ...(mentorado === null && expected.role !== "admin" ? ["was answered without a profile"] : []),
  ];
}
