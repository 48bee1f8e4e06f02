/** One Ctrl-C comes twice under npm: from the terminal, and passed on by npm. Two presses are further apart. */
const samePressMs = 500;
const exitCodeOfInterrupt = 130;

/**
 * Lets a command stop in an orderly way: the first Ctrl-C aborts the signal, a second one ends the process at once.
 *
 * @returns the signal, and how to leave Ctrl-C alone again
 */
export function listenForStop(): { signal: AbortSignal; release(): void } {
  const stopping = new AbortController();
  let interruptedAtMs = 0;
  const stop = () => {
    if (Date.now() - interruptedAtMs < samePressMs) return;
    if (stopping.signal.aborted) process.exit(exitCodeOfInterrupt);
    interruptedAtMs = Date.now();
    stopping.abort();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, stop);
  return {
    signal: stopping.signal,
    release: () => {
      for (const name of signals) process.off(name, stop);
    },
  };
}
