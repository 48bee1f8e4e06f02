/** Waits for a promise that cannot be aborted itself. Rejects when the signal aborts first. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Error("Aborted"));
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    promise.then(resolve, reject).finally(() => signal?.removeEventListener("abort", stop));
  });
}

/** Runs work with its own controller, which the given signal and the work itself can abort. */
export async function withOwnSignal<T>(
  signal: AbortSignal | null | undefined,
  work: (own: AbortController) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const stop = () => own.abort();
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    return await work(own);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Runs work with a signal that aborts with the given one, or after `limitMs`. */
export function withTimeLimit<T>(
  limitMs: number,
  signal: AbortSignal | null | undefined,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  return withOwnSignal(signal, async (own) => {
    const timer = setTimeout(() => own.abort(), limitMs);
    try {
      return await work(own.signal);
    } finally {
      clearTimeout(timer);
    }
  });
}

/** Waits `ms`, or until the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
