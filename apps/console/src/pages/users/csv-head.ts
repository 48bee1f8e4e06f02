/** The names of the columns come first, and no table has so many that they are longer. */
const longestHeadBytes = 1_000_000;

const head = /^(?:(?:"(?:[^"]|"")*"|[^",\r\n]*)(?:,|(?=\r\n)))+(?=\r\n)/;
const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(?:,|$)/g;

/**
 * The export with titles in its first line. The api names columns by their keys, which scripts rely on.
 *
 * @param titleOf the title of a column by its key, in the language of the page
 */
export async function giveTitles(csv: Blob, titleOf: (key: string) => string): Promise<Blob> {
  const start = await csv.slice(0, longestHeadBytes).text();
  const [keys] = head.exec(start) ?? [];
  if (keys === undefined) return csv;
  const { length } = new TextEncoder().encode(keys);
  return new Blob([renameCells(keys, titleOf), csv.slice(length)], { type: csv.type });
}

/** Renames the cells of a line by RFC 4180. */
export function renameCells(line: string, nameOf: (text: string) => string): string {
  const cells = [...line.matchAll(cell)].map(([, text = ""]) => text);
  // The last match is the empty one at the end of the line.
  if (cells.length > 1 && !line.endsWith(",")) cells.pop();
  return cells.map((text) => write(nameOf(read(text)))).join(",");
}

const read = (text: string) => (text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text);

const write = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
