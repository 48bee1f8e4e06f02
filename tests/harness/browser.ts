import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Without its background traffic, which a closed network refuses over and over. */
const args = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

export const browserHint = "Browser tests are skipped: put chromium on PATH, e.g. apt-get install chromium";

/** Chromium's path; undefined when there is none. With CI=true a missing one is an error. */
export function findBrowser(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
  if (!found && process.env["CI"] === "true") throw new Error(`CI must test the page too. ${browserHint}`);
  return found;
}

export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args });
}
