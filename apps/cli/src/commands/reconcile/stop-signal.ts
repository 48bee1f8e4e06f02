/** Under npm one Ctrl-C arrives twice: from the terminal and from npm. Two presses are further apart. */
const samePressMs = 500;
const exitCodeOfInterrupt = 130;

/**
 * Lets a command stop in order: the first Ctrl-C aborts the signal, a second one ends the process at once.
 *
 * @returns the signal, and a function that restores the default of Ctrl-C
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
