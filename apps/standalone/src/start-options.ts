import type { Narrator } from "./narrator.ts";
import type { PartStack } from "./part-stack.ts";
import type { Say } from "./say.ts";
import type { Environment, Settings } from "./settings.ts";

/** What every part needs to be started. */
export type StartOptions = {
  settings: Settings;
  /** What the person named; a part gets of it what is its business. */
  named: Environment;
  /** The project's folder. */
  root: string;
  /** Where data, secrets and logs are, in full and as a person would write it. */
  dir: string;
  shownDir: string;
  leftBehind: boolean;
  parts: PartStack;
  narrator: Narrator;
  say: Say;
  signal: AbortSignal;
};
