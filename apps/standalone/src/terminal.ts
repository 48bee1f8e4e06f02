import type { Tone } from "./narrator.ts";

export type Terminal = {
  /** A line of its own. */
  write(line: string): void;
  /** What happened just now, with the time before it. Kept back until the start is over. */
  tell(tone: Tone, sentence: string): void;
  /** From here on what happens is told. */
  beginTelling(): void;
};

const colours: Record<Tone, string> = { plain: "", good: "\u001b[32m", bad: "\u001b[33m" };
const dim = "\u001b[2m";
const reset = "\u001b[0m";

/** @param write puts text on standard output */
export function createTerminal(write: (text: string) => void, colourful: boolean): Terminal {
  let kept: string[] | undefined = [];

  function tell(tone: Tone, sentence: string): void {
    const time = new Date().toLocaleTimeString("en-GB");
    const line = colourful
      ? `${dim}${time}${reset}  ${colours[tone]}${sentence}${colours[tone] && reset}`
      : `${time}  ${sentence}`;
    if (kept) kept.push(line);
    else write(`${line}\n`);
  }

  return {
    write: (line) => write(`${line}\n`),
    tell,
    beginTelling() {
      for (const line of kept ?? []) write(`${line}\n`);
      kept = undefined;
    },
  };
}
