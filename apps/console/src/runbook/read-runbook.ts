/** A section of docs/RUNBOOK.md, as its plain text with code in backticks. */
export type RunbookSection = { means: string; check: string | null; fix: string | null };

const heading = /^### `([^`]+)`$/;
const item = /^- \*\*(Means|Check|Fix)\*\*: (.+)$/;
const link = /\[([^\]]+)\]\([^)]*\)/g;

/**
 * Reads the sections of error codes and alerts from docs/RUNBOOK.md. The build does this, so that the console shows the
 * runbook's own text and never a copy of it.
 */
export function readRunbook(markdown: string): Record<string, RunbookSection> {
  const sections: Record<string, RunbookSection> = {};
  let code: string | undefined;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("#")) code = heading.exec(line)?.[1];
    const [, name, text = ""] = item.exec(line) ?? [];
    if (code === undefined || name === undefined) continue;
    const plain = text.replaceAll(link, "$1");
    const section = sections[code];
    if (name === "Means") sections[code] = { means: plain, check: null, fix: null };
    else if (section && name === "Check") section.check = plain;
    else if (section) section.fix = plain;
  }
  return sections;
}
