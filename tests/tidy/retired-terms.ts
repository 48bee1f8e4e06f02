export type RetiredTerm = {
  term: string;
  /** The term to use instead. */
  say: string;
  /** Is matched against a line whose identifiers are split into words: `lookAt`, `look-at` and `look_at` are `look at`. */
  pattern: RegExp;
  /** The paths in which the term is retired; by default all of them. */
  within?: RegExp;
};

export type Exception = { path: string; terms: readonly string[]; reason: string };

/** Names that other programs rely on. They keep a retired term. */
const publicNames = ["read_ticket", "readTicket", "--no-sandbox"];
const publicName = new RegExp(`(?<!\\w)(${publicNames.join("|")})(?!\\w)`, "g");

/** Finds retired terms in the path and the lines of a file. Each result is `file:line: term; say "other term"`. */
export function findRetiredTerms(
  path: string,
  text: string,
  terms: readonly RetiredTerm[],
  exceptions: readonly Exception[],
): string[] {
  const excepted = exceptions.filter((exception) => exception.path === path).flatMap(({ terms }) => terms);
  const wanted = terms.filter(
    ({ term, within }) => !excepted.includes(term) && (within === undefined || within.test(path)),
  );
  // Line 0 is the path, so that a retired term in a file name is found too.
  return [path, ...text.split("\n")].flatMap((line, number) => {
    const words = splitIntoWords(line);
    return wanted
      .filter(({ pattern }) => pattern.test(words))
      .map(({ term, say }) => `${path}:${number}: ${term}; say "${say}"`);
  });
}

function splitIntoWords(line: string): string {
  return line
    .replaceAll(publicName, "")
    .replaceAll(/([a-z0-9])(?=[A-Z])/g, "$1 ")
    .replaceAll(/[_-]/g, " ");
}
