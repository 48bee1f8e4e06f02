import type { OrganizationEntry } from "@rollcall/contracts";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useMemo, useState } from "react";
import { useSearchList } from "../../api/search-list.ts";
import { Button } from "../../design/button.tsx";
import { Field } from "../../design/field.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { Empty, Loading, Problem } from "../../design/states.tsx";
import { type Column, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { ListStatus } from "../../layout/list-status.tsx";
import { Page } from "../../layout/page.tsx";
import { useSearchText } from "../../layout/search-text.ts";
import { OrganizationState } from "./organization-state.tsx";
import { organizationsTexts } from "./organizations-texts.ts";
import "../users/users.css";

export function OrganizationsPage() {
  const texts = useTexts(organizationsTexts);
  const { searchText, withText } = useSearchText();
  const navigate = useNavigate({ from: "/organizations" });
  const search = (text: string) => void navigate({ state: withText(text), replace: true });
  return (
    <Page title={texts.title}>
      <SearchForm searchText={searchText} onSearch={search} />
      <Found key={searchText} searchText={searchText} />
    </Page>
  );
}

type SearchProps = { searchText: string; onSearch: (text: string) => void };

/** The text counts with Enter. */
function SearchForm({ searchText, onSearch }: SearchProps) {
  const texts = useTexts(organizationsTexts);
  const [text, setText] = useState(searchText);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSearch(text.trim());
  };
  return (
    <search className="panel stack tight" aria-label={texts.search}>
      <form className="search" onSubmit={submit}>
        <Field
          label={texts.search}
          placeholder={texts.searchHint}
          type="search"
          value={text}
          onChange={(typed) => {
            setText(typed);
            if (typed === "" && searchText !== "") onSearch("");
          }}
          autoComplete="off"
          maxLength={200}
        />
        <Button type="submit" look="primary">
          {texts.search}
        </Button>
      </form>
    </search>
  );
}

function Found({ searchText }: { searchText: string }) {
  const texts = useTexts(organizationsTexts);
  const formats = useFormats();
  const query: Record<string, string> = searchText === "" ? {} : { query: searchText };
  const list = useSearchList<OrganizationEntry>("organizations", query);
  const { items, error } = list;
  const columns = useMemo<Column<OrganizationEntry>[]>(
    () => [
      {
        key: "organization",
        header: texts.organization,
        cell: ({ clerkOrgId, name }) => <PersonLink clerkId={clerkOrgId} name={name ?? texts.noName} />,
      },
      { key: "slug", header: texts.slug, cell: ({ slug }) => slug ?? "–" },
      { key: "state", header: texts.state, cell: ({ state }) => <OrganizationState state={state} /> },
      {
        key: "members",
        header: texts.members,
        isNumber: true,
        cell: ({ members: { count, more } }) =>
          more ? texts.moreThan(formats.number(count)) : formats.number(count),
      },
      {
        key: "created",
        header: texts.created,
        cell: ({ clerkCreatedAt }) => <Time at={clerkCreatedAt} />,
      },
    ],
    [texts, formats],
  );
  return (
    <>
      {error && <Problem error={error} onRetry={() => void list.refetch()} />}
      <ListStatus list={list} texts={texts} />
      <div className="users-list" aria-busy={list.isStale}>
        <Table
          label={texts.title}
          columns={columns}
          rows={items}
          rowKey={({ clerkOrgId }) => clerkOrgId}
          empty={null}
        />
      </div>
      {list.isPending && !error && <Loading />}
      {items.length === 0 && list.isSuccess && !list.hasNextPage && <NothingFound searchText={searchText} />}
      {list.hasNextPage && !list.isSearching && (
        <div className="row">
          <Button onPress={list.showMore}>{texts.more}</Button>
        </div>
      )}
    </>
  );
}

const clerkOrgId = /^org_[A-Za-z0-9_-]{1,128}$/;

function NothingFound({ searchText }: { searchText: string }) {
  const texts = useTexts(organizationsTexts);
  if (searchText === "") return <Empty>{texts.emptyAll}</Empty>;
  return (
    <div className="empty stack tight">
      <p>{texts.empty}</p>
      {clerkOrgId.test(searchText) ? (
        <p>
          {texts.emptyId}{" "}
          <Link to="/organizations/$clerkOrgId" params={{ clerkOrgId: searchText }}>
            {texts.openById(searchText)}
          </Link>
        </p>
      ) : (
        <p className="soft">{texts.emptyHint}</p>
      )}
    </div>
  );
}
