import { toPrintable, toPrintableLines } from "@rollcall/contracts";
import type { Tone } from "./narrator.ts";

export type Terminal = {
  /** Prints one line or several. */
  write(text: string): void;
  /** Prints an event with its time. Before `showEvents`, events are kept. */
  showEvent(tone: Tone, sentence: string): void;
  /** Prints the kept events, and from now on each event at once. */
  showEvents(): void;
};

const colours: Record<Tone, string> = { plain: "", good: "\u001b[32m", bad: "\u001b[33m" };
const dim = "\u001b[2m";
const reset = "\u001b[0m";

/** @param write writes text to standard output */
export function createTerminal(write: (text: string) => void, colourful: boolean): Terminal {
  let kept: string[] | undefined = [];

  function showEvent(tone: Tone, words: string): void {
    // Names and addresses are as their users wrote them.
    const sentence = toPrintable(words);
    const time = new Date().toLocaleTimeString("en-GB");
    const line = colourful
      ? `${dim}${time}${reset}  ${colours[tone]}${sentence}${colours[tone] && reset}`
      : `${time}  ${sentence}`;
    if (kept) kept.push(line);
    else write(`${line}\n`);
  }

  return {
    write: (text) => write(`${toPrintableLines(text)}\n`),
    showEvent,
    showEvents() {
      for (const line of kept ?? []) write(`${line}\n`);
      kept = undefined;
    },
  };
}
