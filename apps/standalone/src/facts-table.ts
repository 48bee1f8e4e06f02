/** One line of the table: what, where, and what there is to know about it. */
export type Fact = readonly [what: string, where: string, note?: string];

/** Lays facts out in columns. A group begins after a blank line. */
export function layOutFacts(groups: readonly (readonly Fact[])[]): string {
  const facts = groups.flat();
  const widthOf = (column: 0 | 1) => Math.max(...facts.map((fact) => fact[column].length));
  const [first, second] = [widthOf(0), widthOf(1)];
  const layOut = ([what, where, note = ""]: Fact) =>
    `  ${what.padEnd(first)}  ${where.padEnd(second)}  ${note}`.trimEnd();
  return groups.map((group) => `${group.map(layOut).join("\n")}\n`).join("\n");
}
