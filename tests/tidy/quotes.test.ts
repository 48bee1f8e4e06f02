import { expect, test } from "vitest";
import { findMissingCode, findMissingFiles, findMissingTitles } from "./quotes.ts";
import { listFiles, readText } from "./tree.ts";

const documents = ["docs/INVARIANTS.md", "docs/ARCHITECTURE.md"];

test.each(documents)("every file that %s names exists", (path) => {
  expect(findMissingFiles(readText(path), listFiles())).toEqual([]);
});

test.each(documents)("every test title that %s quotes is in its file", (path) => {
  expect(findMissingTitles(readText(path), listFiles(), readText)).toEqual([]);
});

test("the code that docs/ARCHITECTURE.md quotes is in its files", () => {
  expect(findMissingCode(readText("docs/ARCHITECTURE.md"), readText)).toEqual([]);
});

const files = ["packages/db/src/users.ts", "tests/e2e/a.test.ts"];
const read = () => 'test("one row, however many calls", async () => {\n  await insert(\n    user);\n});';

test("a missing file or folder is found, by its path or by its name alone", () => {
  const markdown =
    "`users.ts` and `packages/db/src/`\n`apps/*`, `user/`, `npm test`\n`lost.ts`, `packages/lost`";
  expect(findMissingFiles(markdown, files)).toEqual([
    "3: lost.ts does not exist",
    "3: packages/lost does not exist",
  ]);
});

test("a title that is not in its file is found, also behind a line break", () => {
  const quote = (titles: string) => findMissingTitles(`*\`tests/e2e/a.test.ts\`: ${titles}*`, files, read);
  expect(quote('"one row, however many calls"')).toEqual([]);
  expect(quote('"one row,\n   however many calls", "one … calls", "one row, …"')).toEqual([]);
  expect(quote('"one row"')).toEqual(['1: "one row" is not in tests/e2e/a.test.ts']);
  expect(quote('"one row, …",\n"two rows"')).toEqual(['2: "two rows" is not in tests/e2e/a.test.ts']);
});

test("quoted code is compared by its lines, whatever their indentation", () => {
  const quote = (line: string) =>
    findMissingCode(`**1. \`a.ts\`** inserts:\n\`\`\`ts\n${line}\n\`\`\``, read);
  expect(quote("await insert(")).toEqual([]);
  expect(quote("await remove(user);")).toEqual(["3: await remove(user); is not in a.ts"]);
});
