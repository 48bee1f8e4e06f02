import { posix } from "node:path";

/** Reads a file by its path from the root of the repository. */
type Read = (path: string) => string;

const roots = "packages|apps|examples|lab|tests|docs|ops|build";
const fileName = /^[\w./@-]+\.(tsx?|mjs|sql|md|json|ya?ml)$/;
const rootedFolder = new RegExp(`^(${roots})/[\\w./@-]*$`);

/** Files and folders that a document names in backticks and that do not exist: `line: name`. */
export function findMissingFiles(markdown: string, files: readonly string[]): string[] {
  return listCode(markdown)
    .filter(({ code }) => fileName.test(code) || rootedFolder.test(code))
    .filter(
      ({ code }) =>
        findFiles(code, files).length === 0 &&
        !files.some((file) => file.startsWith(`${code.replace(/\/$/, "")}/`)),
    )
    .map(({ line, code }) => `${line}: ${code} does not exist`);
}

/**
 * Test titles that a document quotes behind a file and that the file does not hold: `line: "title" is not in file`. In the
 * document, `…` stands for any text.
 */
export function findMissingTitles(markdown: string, files: readonly string[], read: Read): string[] {
  const found: string[] = [];
  const quote = /`([\w./@-]+\.test\.tsx?)`((?::|,|\s)*(?:"[^"]+"(?:,\s*)?)*)/g;
  for (const { 0: all, 1: name = "", 2: titles = "", index } of markdown.matchAll(quote)) {
    if (!titles.includes('"')) continue;
    const texts = findFiles(name, files).map((file) => collapse(read(file)));
    for (const [, title = ""] of titles.matchAll(/"([^"]+)"/g)) {
      if (texts.some((text) => holdsTitle(text, title))) continue;
      const line = markdown.slice(0, index + all.indexOf(title)).split("\n").length;
      found.push(`${line}: "${collapse(title)}" is not in ${name}`);
    }
  }
  return found;
}

/** Lines of a code block, behind a heading with the file's path, that the file does not hold: `line: code is not in file`. */
export function findMissingCode(markdown: string, read: Read): string[] {
  const found: string[] = [];
  const lines = markdown.split("\n");
  let path: string | undefined;
  let inBlock = false;
  lines.forEach((line, index) => {
    path = /^\*\*\d+\. `([^`]+)`\*\*/.exec(line)?.[1] ?? path;
    if (line.startsWith("#")) path = undefined;
    if (line.startsWith("```")) inBlock = !inBlock;
    else if (inBlock && path !== undefined && !collapse(read(path)).includes(collapse(line)))
      found.push(`${index + 1}: ${line.trim()} is not in ${path}`);
  });
  return found;
}

/** A name without a folder may be any file of that name. */
function findFiles(name: string, files: readonly string[]): string[] {
  const path = posix.normalize(name);
  return files.filter((file) => file === path || file.endsWith(`/${path}`));
}

/** The inline code of a document, with its line. A line break inside of it is a space. */
function listCode(markdown: string): { line: number; code: string }[] {
  let inBlock = false;
  return markdown.split("\n").flatMap((text, index) => {
    if (text.startsWith("```")) inBlock = !inBlock;
    if (inBlock) return [];
    return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => ({ line: index + 1, code }));
  });
}

/** The parts between `…` come in this order, and a title without `…` is a whole string. */
function holdsTitle(text: string, title: string): boolean {
  const parts = collapse(title)
    .split("…")
    .map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`["'\`]${parts.join("[^\\n]{0,200}?")}["'\`]`).test(text);
}

function collapse(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
