import { type Call, draftAcceptance, type Ledger } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";
import { callApi } from "./call-api.ts";

/** Calls ensure as the app does when this person logs in. */
export async function callEnsure(stage: Stage, ledger: Ledger, clerkId: string, api: number): Promise<Call> {
  const token = await stage.tokens.mint(clerkId);
  const acceptance = draftAcceptance(ledger, clerkId, "refresh", "ensure");
  const process = stage.apis[api] ?? stage.apis[0];
  const call = await callApi(ledger, process, {
    what: "ensure",
    about: clerkId,
    path: "/api/ensure",
    headers: { authorization: `Bearer ${token}` },
  });
  ledger.tell(clerkId, `${process.name} was asked by ensure: ${describe(call)}`);
  // 202 is said only after the sync job was queued; so is `created`.
  if (call.status === 202 || (call.status === 200 && call.text.includes('"created":true')))
    ledger.acceptances.push(acceptance);
  return call;
}

function describe({ status, text }: Call): string {
  if (status !== 200) return `${status ?? ""} ${text}`;
  const stamp = /"clerkUpdatedAt":"([^"]*)"/.exec(text)?.[1];
  return `200, as of ${stamp}, ${text.includes('"created":true') ? "created" : "known"}`;
}
