import type { ColumnsAnswer, DeadLetterCount, UserEntry } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { type List, useAnswer } from "../../api/queries.ts";
import { useSearchList } from "../../api/search-list.ts";
import { useMay } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { Empty, Loading, Problem } from "../../design/states.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { ListStatus } from "../../layout/list-status.tsx";
import { Page } from "../../layout/page.tsx";
import { BulkChanges } from "./bulk-changes.tsx";
import { BulkDialog } from "./bulk-dialog.tsx";
import { ExportButtons } from "./export-buttons.tsx";
import { FilterForm } from "./filter-form.tsx";
import { nothingSelected, readSelectedKeys, type UserSelection } from "./selection.ts";
import { SelectionBar } from "./selection-bar.tsx";
import { useUserSearch } from "./use-user-search.ts";
import { toQuery } from "./user-filter.ts";
import { UserTable } from "./user-table.tsx";
import { usersTexts } from "./users-texts.ts";

export function UsersPage() {
  const texts = useTexts(usersTexts);
  const { filter, searchText, change } = useUserSearch();
  const { data: columns } = useAnswer<ColumnsAnswer>("users", "/columns");
  return (
    <Page title={texts.title} actions={<ExportButtons filter={filter} searchText={searchText} />}>
      <FilterForm columns={columns} filter={filter} searchText={searchText} onChange={change} />
      <Found
        // Another filter means other users, so nothing stays selected.
        key={JSON.stringify([filter, searchText])}
        columns={columns}
        filter={filter}
        searchText={searchText}
      />
    </Page>
  );
}

type FoundProps = {
  columns: ColumnsAnswer | undefined;
  filter: Readonly<Record<string, string>>;
  searchText: string;
};

function Found({ columns, filter, searchText }: FoundProps) {
  const texts = useTexts(usersTexts);
  const mayAct = useMay("operator");
  const [selection, setSelection] = useState<UserSelection>(nothingSelected);
  const [action, setAction] = useState<"refresh" | "tier">();
  /** The bulk change that this page started last. */
  const [startedId, setStartedId] = useState<number>();
  const hasSelection = selection.kind === "all" || selection.clerkIds.size > 0;
  const list = useSearchList<UserEntry>(
    "users",
    Object.fromEntries(toQuery(filter, searchText)),
    hasSelection,
  );
  const { items, error, isSearching } = list;
  const isFiltered = searchText !== "" || Object.keys(filter).length > 0;
  const selectedKeys = readSelectedKeys(selection, items);
  const tiers = columns?.users.find(({ key }) => key === "tier")?.values ?? [];
  return (
    <>
      <BulkChanges startedId={startedId} />
      {error && <Problem error={error} onRetry={() => void list.refetch()} />}
      <ListStatus list={list} texts={texts}>
        {mayAct && items.length > 0 && selection.kind === "some" && (
          <Button onPress={() => setSelection({ kind: "all" })}>{texts.selectAllMatching}</Button>
        )}
      </ListStatus>
      <div className="users-list" aria-busy={list.isStale}>
        <UserTable
          columns={columns}
          filter={filter}
          users={items}
          selection={
            mayAct
              ? {
                  keys: selectedKeys,
                  onChange: (clerkIds) => setSelection({ kind: "some", clerkIds }),
                }
              : undefined
          }
        />
      </div>
      {list.isPending && !error && <Loading />}
      {items.length === 0 && list.isSuccess && !list.hasNextPage && (
        <NothingFound isFiltered={isFiltered} searchText={searchText} startedId={startedId} />
      )}
      {list.hasNextPage && !isSearching && (
        <div className="row">
          <Button onPress={list.showMore}>{texts.more}</Button>
        </div>
      )}
      <SelectionBar
        selection={selection}
        filter={filter}
        searchText={searchText}
        onSelectAll={() => setSelection({ kind: "all" })}
        onClear={() => setSelection(nothingSelected)}
        onAct={setAction}
      />
      {action && (
        <BulkDialog
          action={action}
          selection={selection}
          filter={filter}
          searchText={searchText}
          tiers={tiers}
          users={items.filter(({ clerkId }) => selectedKeys.has(clerkId))}
          onClose={() => setAction(undefined)}
          onStarted={(bulkId) => {
            setAction(undefined);
            setSelection(nothingSelected);
            setStartedId(bulkId);
          }}
        />
      )}
    </>
  );
}

const clerkId = /^user_[A-Za-z0-9_-]{1,128}$/;

function NothingFound({
  isFiltered,
  searchText,
  startedId,
}: {
  isFiltered: boolean;
  searchText: string;
  startedId: number | undefined;
}) {
  const texts = useTexts(usersTexts);
  const formats = useFormats();
  const letters = useAnswer<List<DeadLetterCount>>("dead-letters", "/dead-letters/codes", {}, isFiltered);
  const waiting = letters.data?.items.reduce((sum, { count }) => sum + count, 0) ?? 0;
  if (!isFiltered) return <Empty>{texts.emptyAll}</Empty>;
  // The change itself, above the list, links to its users.
  if (startedId !== undefined) return <Empty>{texts.emptyAfterBulk}</Empty>;
  return (
    <div className="empty stack tight">
      <p>{texts.empty}</p>
      {clerkId.test(searchText) ? (
        <p>
          {texts.emptyId}{" "}
          <Link to="/users/$clerkId" params={{ clerkId: searchText }}>
            {texts.openById(searchText)}
          </Link>
        </p>
      ) : (
        <p className="soft">{texts.emptyHint}</p>
      )}
      {waiting > 0 && (
        <p>
          {texts.emptyLetters(waiting, formats.number(waiting))}{" "}
          <Link to="/dead-letters">{texts.toDeadLetters}</Link>
        </p>
      )}
    </div>
  );
}
