import { orAbort } from "./abort.ts";

type Call<Caller, Answer> = {
  answer: Promise<Answer>;
  /** The callers that still wait. */
  callers: Set<Caller>;
};

/**
 * Shares one call per key: a caller that joins while the call is in flight gets the same answer. When the last caller ends
 * its wait, the call is aborted and forgotten.
 *
 * @param start makes the call; it must not outlive its signal
 */
export function shareCalls<Caller, Answer>(
  start: (callers: ReadonlySet<Caller>, signal: AbortSignal) => Promise<Answer>,
): (key: string, caller: Caller, signal?: AbortSignal) => Promise<Answer> {
  const calls = new Map<string, Call<Caller, Answer> & { stop: AbortController }>();

  return async (key, caller, signal) => {
    const call = calls.get(key) ?? begin(key, caller);
    call.callers.add(caller);
    try {
      return await orAbort(call.answer, signal);
    } finally {
      call.callers.delete(caller);
      if (call.callers.size === 0) {
        call.stop.abort();
        if (calls.get(key) === call) calls.delete(key);
      }
    }
  };

  function begin(key: string, caller: Caller) {
    const stop = new AbortController();
    const callers = new Set([caller]);
    const call = { callers, stop, answer: start(callers, stop.signal) };
    calls.set(key, call);
    return call;
  }
}
