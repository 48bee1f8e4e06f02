import { expect, test } from "vitest";
import { giveTitles, renameCells } from "./csv-head.ts";

const titles: Readonly<Record<string, string>> = {
  id: "Id da linha",
  email: "E-mail",
  "member.email": "Perfil: E-mail, verificado",
};
const titleOf = (key: string) => titles[key] ?? key;

test("the keys become titles, and the rows stay as they are", async () => {
  const rows = '1,"a\r\nb, ""c""",x@example.com\r\n2,é,\r\n';
  const file = await giveTitles(new Blob([`id,email,member.email\r\n${rows}`]), titleOf);
  expect(await file.text()).toBe(`Id da linha,E-mail,"Perfil: E-mail, verificado"\r\n${rows}`);
});

test("a column of the app keeps its own name, with its quotes and letters", async () => {
  const line = `email,"a ""b"", c","two\r\nlines",preço,'=1`;
  expect(renameCells(line, titleOf)).toBe(`E-mail,"a ""b"", c","two\r\nlines",preço,'=1`);
  const file = await giveTitles(new Blob([`${line}\r\n1,2,3,4,5\r\n`]), titleOf);
  expect(await file.text()).toBe(`E-mail,"a ""b"", c","two\r\nlines",preço,'=1\r\n1,2,3,4,5\r\n`);
});

test("a table of one column, and a file without an end of its first line", async () => {
  expect(await (await giveTitles(new Blob(["email\r\n"]), titleOf)).text()).toBe("E-mail\r\n");
  expect(await (await giveTitles(new Blob(["email"]), titleOf)).text()).toBe("email");
});
