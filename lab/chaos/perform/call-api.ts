import type { Call, Ledger } from "../ledger.ts";
import { callHttp } from "../stage/http-call.ts";
import type { SupervisedProcess } from "../stage/supervised-process.ts";

/** Svix gives an endpoint so long, about; whether the answer came in time is for a invariant to say. */
const retryForMs = 15_000;

/** Posts to an api and writes down what came of it. Never fails: no answer is an outcome. */
export async function callApi(
  ledger: Ledger,
  api: SupervisedProcess,
  request: Pick<Call, "what" | "about"> & { path: string; headers: Record<string, string>; body?: string },
): Promise<Call> {
  const { what, about, path, headers, body } = request;
  const fromMs = Date.now();
  const outcome = await callHttp(`${api.url}${path}`, {
    method: "POST",
    headers,
    timeoutMs: retryForMs,
    ...(body === undefined ? {} : { body }),
  }).catch((error: unknown) => ({ status: undefined, text: String(error) }));
  const call = { api: api.name, what, about, fromMs, toMs: Date.now(), ...outcome };
  ledger.calls.push(call);
  return call;
}

/** It was we who gave up: on a crowded machine that says nothing yet. */
export function isRetryTimeOver({ fromMs, toMs }: Call): boolean {
  return toMs - fromMs >= retryForMs;
}
