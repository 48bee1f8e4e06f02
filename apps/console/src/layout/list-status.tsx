import type { ReactNode } from "react";
import type { useSearchList } from "../api/search-list.ts";
import { Button } from "../design/button.tsx";
import { useFormats } from "../language/formats.ts";

type Texts = Readonly<
  Record<"searching" | "stopSearch" | "isOld" | "reload", string> &
    Record<"shown" | "thatsAll", (n: number, text: string) => string>
>;

type Props = {
  list: ReturnType<typeof useSearchList>;
  /** How the list calls what it holds. */
  texts: Texts;
  children?: ReactNode;
};

/** How many rows are shown, of when, and whether the search goes on. */
export function ListStatus({ list, texts, children }: Props) {
  const formats = useFormats();
  const { items, isSearching, isOld, hasNextPage, isPending } = list;
  if (isPending || (items.length === 0 && !hasNextPage)) return null;
  const number = formats.number(items.length);
  return (
    <div className="row apart">
      <div className="row" role="status">
        <span className="soft">
          {hasNextPage ? texts.shown(items.length, number) : texts.thatsAll(items.length, number)}
        </span>
        {isSearching && (
          <>
            <span>{texts.searching}</span>
            <Button onPress={list.stop}>{texts.stopSearch}</Button>
          </>
        )}
        {isOld && (
          <>
            <span className="soft">{texts.isOld}</span>
            <Button onPress={() => void list.refetch()}>{texts.reload}</Button>
          </>
        )}
      </div>
      {children}
    </div>
  );
}
