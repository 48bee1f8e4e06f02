/** Codes without a section. A section is a heading with the code in backticks. */
export function findMissingSections(codes: readonly string[], markdown: string): string[] {
  const headings = withoutCodeBlocks(markdown).filter((line) => /^#{1,6} /.test(line));
  return codes.filter((code) => !headings.some((heading) => heading.includes(`\`${code}\``)));
}

/** Variables without a line. A commented-out line counts, because optional variables have one. */
export function findMissingVariables(names: readonly string[], dotenv: string): string[] {
  const lines = dotenv.split("\n").map((line) => line.replace(/^#\s*/, ""));
  return names.filter((name) => !lines.some((line) => line.startsWith(`${name}=`)));
}

/** Tests that a page names as evidence, by path or by name alone, and that are no file. */
export function findMissingTests(markdown: string, files: readonly string[]): string[] {
  const named = [...markdown.matchAll(/[\w./-]+\.test\.tsx?/g)].map(([path]) => path);
  return named.filter((path) => !files.some((file) => file === path || file.endsWith(`/${path}`)));
}

/** The packages in the first column of a table. `@scope/a, b` names two of one scope, `@scope/a; b` does not. */
export function readPackageTable(markdown: string, heading: string): string[] {
  const [, section = ""] = markdown.split(`\n${heading}\n`);
  const cells = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| ([^|]+) \|/gm)].map(
    ([, cell = ""]) => cell,
  );
  return cells.slice(1).flatMap((cell) =>
    cell.split("; ").flatMap((part) => {
      const [first = "", ...rest] = part.split(", ");
      const scope = /^@[^/]+\//.exec(first)?.[0] ?? "";
      return [first, ...rest.map((name) => (name.startsWith("@") ? name : scope + name))];
    }),
  );
}

/** A `# comment` in a shell example is not a heading. */
function withoutCodeBlocks(markdown: string): string[] {
  let inBlock = false;
  return markdown.split("\n").filter((line) => {
    const fence = /^\s*(```|~~~)/.test(line);
    if (fence) inBlock = !inBlock;
    return !fence && !inBlock;
  });
}
