import { useEffect, useRef, useState } from "react";
import { download, isAborted } from "../../api/download.ts";
import { ApiProblem } from "../../api/request.ts";
import { useProfileShape } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { useMessages } from "../../design/messages.tsx";
import { useProblemText } from "../../design/states.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { columnsTexts } from "./columns-texts.ts";
import { giveTitles } from "./csv-head.ts";
import { nameColumn } from "./describe-filter.ts";
import { type FilterValues, toQuery } from "./user-filter.ts";
import { usersTexts } from "./users-texts.ts";

type Format = "csv" | "json";

/** Saves all users that match as a file. Several at once would only slow each other down. */
export function ExportButtons({ filter, searchText }: { filter: FilterValues; searchText: string }) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const show = useMessages();
  const describe = useProblemText();
  const titleOf = useTitles();
  const [bytes, setBytes] = useState<number>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);

  async function run(format: Format): Promise<void> {
    abort.current = new AbortController();
    setBytes(0);
    const fileName = `users-${new Date().toISOString().slice(0, 16).replace(":", "")}.${format}`;
    try {
      await download("/users/export", {
        query: { ...Object.fromEntries(toQuery(filter, searchText)), format },
        fileName,
        signal: abort.current.signal,
        onBytes: setBytes,
        change: async (file) => (format === "csv" ? giveTitles(file, titleOf) : file),
      });
      show({ kind: "good", text: texts.exported(fileName) });
    } catch (error) {
      const wasAnswered = error instanceof ApiProblem && error.status > 0;
      if (!isAborted(error)) show({ kind: "bad", text: wasAnswered ? describe(error) : texts.exportFailed });
    } finally {
      setBytes(undefined);
    }
  }

  if (bytes !== undefined)
    return (
      <>
        <span role="status">{texts.exporting(`${formats.number(bytes / 1_000_000)} MB`)}</span>
        <Button onPress={() => abort.current?.abort()}>{texts.stopExport}</Button>
      </>
    );
  return (
    <>
      <Button onPress={() => void run("csv")}>{texts.exportCsv}</Button>
      <Button onPress={() => void run("json")}>{texts.exportJson}</Button>
    </>
  );
}

/** The titles of the exported columns. Those of the profile begin with its name in the api's answer. */
function useTitles(): (key: string) => string {
  const texts = useTexts(usersTexts);
  const names = useTexts(columnsTexts);
  const prefix = `${useProfileShape()?.name}.`;
  return (key) =>
    key.startsWith(prefix)
      ? `${texts.profile}: ${nameColumn(names, key.slice(prefix.length))}`
      : nameColumn(names, key);
}
