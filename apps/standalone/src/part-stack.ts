/** Something that was started and must be stopped. */
export type Part = {
  name: string;
  stop(): Promise<void>;
  /** At once, without asking. */
  kill(): void;
};

export type PartStack = {
  push(part: Part): void;
  /** Stops all, the latest first; one that does not stop keeps no other from stopping. Returns who failed, and why. */
  stopAll(): Promise<string[]>;
  killAll(): void;
};

/** What runs, in the order in which it was started: each part may need those before it until its end. */
export function createPartStack(): PartStack {
  const parts: Part[] = [];
  return {
    push: (part) => void parts.push(part),
    async stopAll() {
      const problems: string[] = [];
      for (const part of parts.toReversed()) {
        await part.stop().catch((error: unknown) => problems.push(`${part.name}: ${String(error)}`));
        // Not before: one that hangs must still be there to be killed.
        parts.pop();
      }
      return problems;
    },
    killAll() {
      for (const part of parts.toReversed()) part.kill();
    },
  };
}
