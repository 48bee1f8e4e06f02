/**
 * Gives all callers within `ms` one answer, and callers that come while it is being read the same one. So a route that
 * needs no password costs the services behind it at most one read in that time. A failure is not kept.
 */
export function shareAnswer<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let last: { answer: Promise<T>; readAtMs: number | undefined } | undefined;
  return () => {
    if (last && (last.readAtMs === undefined || performance.now() - last.readAtMs < ms)) return last.answer;
    const latest: typeof last = { answer: read(), readAtMs: undefined };
    last = latest;
    latest.answer.then(
      () => {
        latest.readAtMs = performance.now();
      },
      () => {
        if (last === latest) last = undefined;
      },
    );
    return latest.answer;
  };
}
