import { callHttp } from "../../stage/http-call.ts";
import { type Call, draftAcceptance, type Ledger } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";
import type { SupervisedProcess } from "../stage/supervised-process.ts";

/** Svix waits about as long. Whether the answer came in time is checked by an invariant. */
const timeoutMs = 15_000;

/** Posts to an api and records the outcome. Never throws: a missing answer is an outcome. */
export async function callApi(
  ledger: Ledger,
  api: SupervisedProcess,
  request: Pick<Call, "route" | "clerkId"> & { path: string; headers: Record<string, string>; body?: string },
): Promise<Call> {
  const { route, clerkId, path, headers, body } = request;
  const fromMs = Date.now();
  const outcome = await callHttp(`${api.url}${path}`, {
    method: "POST",
    headers,
    timeoutMs,
    ...(body === undefined ? {} : { body }),
  }).catch((error: unknown) => ({ status: undefined, text: String(error) }));
  const call = { api: api.name, route, clerkId, fromMs, toMs: Date.now(), ...outcome };
  ledger.calls.push(call);
  return call;
}

/** Whether the call ended with our own timeout. On a crowded machine, that proves nothing yet. */
export function hasTimedOut({ fromMs, toMs }: Call): boolean {
  return toMs - fromMs >= timeoutMs;
}

/** Calls ensure as the app does at a login. */
export async function callEnsure(stage: Stage, ledger: Ledger, clerkId: string, api: number): Promise<Call> {
  const token = await stage.tokens.mint(clerkId);
  const acceptance = draftAcceptance(ledger, clerkId, "refresh", "ensure");
  const process = stage.apis[api] ?? stage.apis[0];
  const call = await callApi(ledger, process, {
    route: "ensure",
    clerkId,
    path: "/api/ensure",
    headers: { authorization: `Bearer ${token}` },
  });
  ledger.note(clerkId, `ensure call to ${process.name}: ${describe(call)}`);
  // A 202 and a `created` are sent only after the sync job was queued.
  if (call.status === 202 || (call.status === 200 && call.text.includes('"created":true')))
    ledger.acceptances.push(acceptance);
  return call;
}

function describe({ status, text }: Call): string {
  if (status !== 200) return `${status ?? ""} ${text}`;
  const stamp = /"clerkUpdatedAt":"([^"]*)"/.exec(text)?.[1];
  return `200, as of ${stamp}, ${text.includes('"created":true') ? "created" : "known"}`;
}
