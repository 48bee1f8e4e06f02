import {
  type ColumnDef,
  type RowSelectionState,
  rowSelectionFeature,
  tableFeatures,
  type Updater,
  useTable,
} from "@tanstack/react-table";
import { type ReactNode, useMemo } from "react";
import { useTexts } from "../language/language.tsx";
import { Button } from "./button.tsx";
import { Checkbox } from "./checkbox.tsx";
import { commonTexts } from "./texts.ts";
import "./table.css";

const features = tableFeatures({ rowSelectionFeature });

export type Column<Row> = {
  key: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the end of their cell. */
  isNumber?: boolean;
  /** The values are so short that they never wrap. */
  isShort?: boolean;
};

export type Selection = {
  /** The keys of the selected rows. */
  keys: ReadonlySet<string>;
  onChange: (keys: ReadonlySet<string>) => void;
};

/** Why a row cannot be selected, or undefined for a row that can. */
type Refusal<Row> = ((row: Row) => string | undefined) | undefined;

type TableProps<Row> = {
  /** Names the table for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** The name of a row in the label of its checkbox. */
  rowName?: (row: Row) => string;
  selection?: Selection | undefined;
  whyNotSelected?: Refusal<Row>;
  empty: ReactNode;
};

/** A table. On a phone each row becomes a block with the columns' names before the values. */
export function Table<Row extends object>({
  label,
  columns,
  rows,
  rowKey,
  rowName,
  selection,
  whyNotSelected,
  empty,
}: TableProps<Row>) {
  const texts = useTexts(commonTexts);
  const definitions = useMemo<ColumnDef<typeof features, Row>[]>(
    () =>
      columns.map(({ key, header, cell }) => ({ id: key, header, cell: ({ row }) => cell(row.original) })),
    [columns],
  );
  const rowSelection = useMemo(
    () => Object.fromEntries([...(selection?.keys ?? [])].map((key) => [key, true as const])),
    [selection?.keys],
  );
  const table = useTable({
    features,
    columns: definitions,
    data: rows as Row[],
    getRowId: rowKey,
    enableRowSelection: (row) => selection !== undefined && whyNotSelected?.(row.original) === undefined,
    state: { rowSelection },
    onRowSelectionChange: (change: Updater<RowSelectionState>) => {
      const next = typeof change === "function" ? change(rowSelection) : change;
      selection?.onChange(new Set(Object.keys(next).filter((key) => next[key])));
    },
  });
  if (rows.length === 0) return <>{empty}</>;
  const looks = new Map(
    columns.map(({ key, isNumber, isShort }) => [key, isNumber ? "number" : isShort ? "short" : undefined]),
  );
  return (
    // A scrolling area must be reachable by keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    // biome-ignore lint/a11y/useSemanticElements: a section would be a landmark beside its page's section of the same name
    <div role="group" className="table-frame" aria-label={label} tabIndex={0}>
      <table className="table">
        <caption className="unseen">{label}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {selection && (
                <th scope="col" className="choose">
                  <Checkbox
                    aria-label={texts.selectAll}
                    isSelected={table.getIsAllRowsSelected()}
                    isIndeterminate={table.getIsSomeRowsSelected() && !table.getIsAllRowsSelected()}
                    onChange={(selected) => table.toggleAllRowsSelected(selected)}
                  />
                </th>
              )}
              {group.headers.map((header) => (
                <th key={header.id} scope="col" className={looks.get(header.id)}>
                  <table.FlexRender header={header} />
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} data-selected={row.getIsSelected() || undefined}>
              {selection && (
                <td className="choose">
                  <Checkbox
                    aria-label={
                      whyNotSelected?.(row.original) ?? texts.selectRow(rowName?.(row.original) ?? row.id)
                    }
                    isDisabled={!row.getCanSelect()}
                    isSelected={row.getIsSelected()}
                    onChange={(selected) => row.toggleSelected(selected)}
                  />
                </td>
              )}
              {row.getAllCells().map((cell) => (
                <td
                  key={cell.id}
                  className={looks.get(cell.column.id)}
                  data-label={String(cell.column.columnDef.header)}
                >
                  {/* On a phone the name stands beside the value, so the value is one element. */}
                  <div>
                    <table.FlexRender cell={cell} />
                  </div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type MoreProps = {
  list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
};

/** Loads the next page of a list, if there is one. */
export function More({ list }: MoreProps) {
  const texts = useTexts(commonTexts);
  if (!list.hasNextPage) return null;
  return (
    <div className="row">
      <Button isPending={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
        {list.isFetchingNextPage ? texts.loading : texts.more}
      </Button>
    </div>
  );
}
