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

/** A `# comment` in a shell example is not a heading. */
function withoutCodeBlocks(markdown: string): string[] {
  let inBlock = false;
  return markdown.split("\n").filter((line) => {
    const fence = /^\s*(```|~~~)/.test(line);
    if (fence) inBlock = !inBlock;
    return !fence && !inBlock;
  });
}
