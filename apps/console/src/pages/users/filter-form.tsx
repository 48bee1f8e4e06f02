import type { ColumnsAnswer, ColumnView } from "@rollcall/contracts";
import { type FormEvent, useId, useState } from "react";
import { useProfileShape } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { Checkbox } from "../../design/checkbox.tsx";
import { Field } from "../../design/field.tsx";
import { Select } from "../../design/select.tsx";
import { useTexts } from "../../language/language.tsx";
import { columnsTexts } from "./columns-texts.ts";
import { nameColumn, useFilterTexts } from "./describe-filter.ts";
import type { ChangeSearch } from "./use-user-search.ts";
import { type FilterValues, isColumnValue, listFilterColumns, listMetadataColumns } from "./user-filter.ts";
import { usersTexts } from "./users-texts.ts";
import "./users.css";

type Props = {
  columns: ColumnsAnswer | undefined;
  filter: FilterValues;
  searchText: string;
  onChange: ChangeSearch;
};

/** The search and the filters. Choices count at once; texts count with Enter, or when the field is left. */
export function FilterForm({ columns, filter, searchText, onChange }: Props) {
  const texts = useTexts(usersTexts);
  const describe = useFilterTexts();
  const [text, setText] = useState(searchText);
  const [added, setAdded] = useState<readonly string[]>([]);
  // Closed, it puts the first user a few steps from the search, and it stays open while the operator works with it.
  const [isOpen, setOpen] = useState(Object.keys(filter).length > 0);
  const shape = useProfileShape();
  // Most questions are about these. The others are added one by one.
  const usualColumns = ["tier", ...listMetadataColumns(shape)];
  const all = columns ? listFilterColumns(columns) : [];
  const isShown = (key: string) => usualColumns.includes(key) || key in filter || added.includes(key);
  const set = (key: string, value: string) =>
    onChange({
      filter: ({ [key]: _, ...others }) => (value === "" ? others : { ...others, [key]: value }),
    });
  const search = (event: FormEvent) => {
    event.preventDefault();
    onChange({ searchText: text.trim() });
  };
  // The app's table may have no column for the name.
  const hasNames = columns === undefined || columns.users.some(({ key }) => key === "name");
  const active = Object.entries(filter);
  return (
    <search className="panel stack tight" aria-label={texts.search}>
      <form className="search" onSubmit={search}>
        <Field
          label={texts.search}
          placeholder={hasNames ? texts.searchHint : texts.searchHintWithoutNames}
          type="search"
          value={text}
          onChange={(typed) => {
            setText(typed);
            if (typed === "" && searchText !== "") onChange({ searchText: "" });
          }}
          autoComplete="off"
          maxLength={200}
        />
        <Button type="submit" look="primary">
          {texts.search}
        </Button>
      </form>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {texts.filters}
          {active.length > 0 && (
            <span className="soft"> {active.map(([key, value]) => describe(key, value)).join(" · ")}</span>
          )}
        </summary>
        <div className="user-filters">
          <Select
            label={texts.state}
            value={filter["state"] ?? ""}
            onChange={(value) => set("state", value)}
            options={[
              { value: "", text: texts.any },
              ...Object.entries(texts.states).map(([value, name]) => ({ value, text: name })),
            ]}
          />
          {all
            .filter(({ key }) => isShown(key))
            .map((column) => (
              <ColumnFilter
                key={`${column.key} ${filter[column.key] ?? ""}`}
                column={column}
                value={filter[column.key] ?? ""}
                onChange={(value) => set(column.key, value)}
              />
            ))}
          <DayFilter
            label={texts.signedUpFrom}
            value={filter["signedUpFrom"]}
            onChange={(value) => set("signedUpFrom", value)}
          />
          <DayFilter
            label={texts.signedUpTo}
            value={filter["signedUpTo"]}
            onChange={(value) => set("signedUpTo", value)}
          />
          <div className="filter-checks">
            {shape && (
              <Checkbox
                isSelected={filter["withoutProfile"] === "true"}
                onChange={(selected) => set("withoutProfile", selected ? "true" : "")}
              >
                {texts.withoutProfile}
              </Checkbox>
            )}
            <Checkbox
              isSelected={filter["drifted"] === "true"}
              onChange={(selected) => set("drifted", selected ? "true" : "")}
            >
              <span>
                {texts.drifted} <span className="soft small">{texts.driftedHint}</span>
              </span>
            </Checkbox>
          </div>
          <AddColumn
            columns={all.filter(({ key }) => !isShown(key))}
            onAdd={(key) => setAdded([...added, key])}
          />
          {(active.length > 0 || added.length > 0) && (
            <div className="filter-clear">
              <Button
                look="link"
                onPress={() => {
                  setAdded([]);
                  onChange({ filter: () => ({}) });
                }}
              >
                {texts.clearFilters}
              </Button>
            </div>
          )}
        </div>
      </details>
    </search>
  );
}

function AddColumn({ columns, onAdd }: { columns: readonly ColumnView[]; onAdd: (key: string) => void }) {
  const texts = useTexts(usersTexts);
  const names = useTexts(columnsTexts);
  if (columns.length === 0) return null;
  return (
    <Select
      label={texts.moreFilters}
      value=""
      onChange={(key) => key !== "" && onAdd(key)}
      options={[
        { value: "", text: texts.chooseColumn },
        ...columns.map(({ key }) => ({ value: key, text: nameColumn(names, key) })),
      ]}
    />
  );
}

function ColumnFilter({
  column,
  value,
  onChange,
}: {
  column: ColumnView;
  value: string;
  onChange: (value: string) => void;
}) {
  const texts = useTexts(usersTexts);
  const names = useTexts(columnsTexts);
  const list = useId();
  const [typed, setTyped] = useState(value);
  const label = nameColumn(names, column.key);
  const yesOrNo = { true: texts.yes, false: texts.no };
  const choices =
    column.kind === "boolean"
      ? Object.entries(yesOrNo)
      : column.kind === "enum"
        ? column.values?.map((one) => [one, one])
        : undefined;
  if (choices)
    return (
      <Select
        label={label}
        value={value}
        onChange={onChange}
        options={[
          { value: "", text: texts.any },
          ...choices.map(([one = "", name = ""]) => ({ value: one, text: name })),
        ]}
      />
    );
  const isWrong = !isColumnValue(typed);
  const apply = () => {
    if (!isWrong && typed.trim() !== value) onChange(typed.trim());
  };
  // Tiers are upper case everywhere, as in the dialog that gives them.
  const type = (text: string) => setTyped(column.key === "tier" ? text.toUpperCase() : text);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <Field
        label={label}
        list={list}
        value={typed}
        onChange={type}
        onBlur={apply}
        isInvalid={isWrong}
        hint={isWrong ? texts.noEmailInFilter : typed.trim() === value ? undefined : texts.enterApplies}
        placeholder={texts.any}
        autoComplete="off"
        maxLength={200}
        {...(column.kind === "number" ? { inputMode: "numeric" as const } : {})}
      />
      <datalist id={list}>
        {column.values?.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </form>
  );
}

function DayFilter({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string) => void;
}) {
  return <Field label={label} type="date" value={value ?? ""} onChange={onChange} />;
}
