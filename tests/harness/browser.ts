import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { describe } from "vitest";

/** The headless shell comes first: it renders the same and takes half the CPU. */
const names = [
  "chromium-headless-shell",
  ...["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
];

/** These options turn off background traffic, which a closed network would refuse again and again. */
const args = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

const hint = "Browser tests are skipped: put chromium on PATH, e.g. apt-get install chromium-headless-shell";

/**
 * Declares tests that need a browser, which `openBrowser` starts. Without Chromium they are skipped and say so. With
 * CI=true a missing Chromium is an error.
 */
export function describeInBrowser(
  name: string,
  options: { timeout?: number },
  declare: (openBrowser: () => Promise<Browser>) => void,
): void {
  const executablePath = findChromium();
  if (!executablePath) process.stdout.write(`${hint}\n`);
  const why = executablePath ? "" : " (skipped: no chromium on PATH)";
  describe.skipIf(!executablePath)(`${name}${why}`, options, () =>
    declare(() => chromium.launch({ executablePath: executablePath ?? "", args })),
  );
}

function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (!found && process.env["CI"] === "true") throw new Error(`CI must test the page too. ${hint}`);
  return found;
}
