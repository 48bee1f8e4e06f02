import { orAbort } from "./abort.ts";

type Call<Caller, Answer> = {
  answer: Promise<Answer>;
  /** Who still waits. */
  callers: Set<Caller>;
};

/**
 * One call per key, however many callers: who comes while it is under way gets its answer too. It is aborted,
 * and forgotten, in the moment in which the last of its callers gave up.
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
