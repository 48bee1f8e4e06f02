import type { Environment, Settings } from "../settings.ts";
import type { Narrator } from "../terminal/narrator.ts";

/** Something that was started and must be stopped. */
export type Part = {
  name: string;
  stop(): Promise<void>;
  /** Ends it at once, without waiting. */
  kill(): void;
};

export type PartStack = {
  push(part: Part): void;
  /** Stops all, the latest first. A part that fails to stop does not keep the others. Returns the failures. */
  stopAll(): Promise<string[]>;
  killAll(): void;
};

/** The started parts, in order: each may need the earlier ones until its end. */
export function createPartStack(): PartStack {
  const parts: Part[] = [];
  return {
    push: (part) => void parts.push(part),
    async stopAll() {
      const problems: string[] = [];
      for (const part of parts.toReversed()) {
        await part.stop().catch((error: unknown) => problems.push(`${part.name}: ${String(error)}`));
        // Only now: a part that hangs must stay here for `killAll`.
        parts.pop();
      }
      return problems;
    },
    killAll() {
      for (const part of parts.toReversed()) part.kill();
    },
  };
}

/** Prints one sentence on the terminal. */
export type Say = (sentence: string) => void;

/** Options for the start of each part. */
export type StartOptions = {
  settings: Settings;
  /** The variables that the operator set. A part gets only those that it needs. */
  named: Environment;
  /** The folder of data, secrets and logs: absolute, and as it is shown on the terminal. */
  dir: string;
  shownDir: string;
  /** An earlier process was killed before it released the folder. */
  leftBehind: boolean;
  parts: PartStack;
  narrator: Narrator;
  say: Say;
  signal: AbortSignal;
};
