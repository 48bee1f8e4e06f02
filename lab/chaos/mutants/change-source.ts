import type { TestedMutant } from "./tested-mutants.ts";

/** @throws Error if the text is not in the source exactly once */
export function changeSource({ name, within, find, replace }: TestedMutant, source: string): string {
  const count = [...source.matchAll(new RegExp(find, "g"))].length;
  if (count !== 1) throw new Error(`Mutant ${name} no longer fits: ${find} is ${count} times in ${within}`);
  return source.replace(find, replace);
}
