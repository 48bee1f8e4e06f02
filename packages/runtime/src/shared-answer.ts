/**
 * Gives all callers within `ms` one answer, and callers that come while it is being read the same one. So a route that
 * needs no password costs the services behind it at most one read in that time. A failure is not kept.
 *
 * @param ms the time, or how it follows from the milliseconds that the read took
 */
export function shareAnswer<T>(
  ms: number | ((tookMs: number) => number),
  read: () => Promise<T>,
): () => Promise<T> {
  let last: { answer: Promise<T>; keptUntilMs: number } | undefined;
  return () => {
    if (last && performance.now() < last.keptUntilMs) return last.answer;
    const beganAtMs = performance.now();
    const latest: typeof last = { answer: read(), keptUntilMs: Number.POSITIVE_INFINITY };
    last = latest;
    latest.answer.then(
      () => {
        const nowMs = performance.now();
        latest.keptUntilMs = nowMs + (typeof ms === "number" ? ms : ms(nowMs - beganAtMs));
      },
      () => {
        if (last === latest) last = undefined;
      },
    );
    return latest.answer;
  };
}
