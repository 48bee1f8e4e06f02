import type { RunDifference, RunView } from "@rollcall/contracts";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { List } from "../../api/queries.ts";
import { get } from "../../api/request.ts";
import { PersonLink } from "../../design/person-link.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { useTexts } from "../../language/language.tsx";
import { runsTexts } from "./runs-texts.ts";

type Page = List<RunDifference> & { complete: boolean };

/** What a dry run would do, user by user. */
export function Differences({ run: { id } }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  const path = `/runs/${id}/differences`;
  const list = useInfiniteQuery({
    queryKey: ["runs", path],
    queryFn: ({ pageParam, signal }) =>
      get<Page>(path, { query: { cursor: pageParam ?? undefined, limit: 100 }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    // A dry run that is over does not change.
    staleTime: Number.POSITIVE_INFINITY,
  });
  const columns = useMemo<Column<RunDifference>[]>(
    () => [
      {
        key: "user",
        header: texts.user,
        cell: ({ clerkId, clerkOrgId, name }) =>
          clerkId.startsWith("org_") ? (
            <code>{clerkId}</code>
          ) : (
            <>
              <PersonLink clerkId={clerkId} name={name} /> {clerkOrgId && <code>{clerkOrgId}</code>}
            </>
          ),
      },
      { key: "kind", header: texts.kind, cell: ({ kind }) => texts.kinds[kind] },
      {
        key: "code",
        header: texts.code,
        cell: ({ code }) => (code === null ? <span className="soft">–</span> : <code>{code}</code>),
      },
    ],
    [texts],
  );
  return (
    <div className="stack tight">
      <div className="row apart">
        <h2>{texts.differences}</h2>
        <Link to="/users" search={{ drifted: "true" }}>
          {texts.showDrifted}
        </Link>
      </div>
      <Answered of={list}>
        {({ pages }) => (
          <>
            {pages[0]?.complete === false && <p>{texts.incomplete}</p>}
            <Table
              label={texts.differences}
              columns={columns}
              rows={pages.flatMap(({ items }) => items)}
              rowKey={({ clerkId, clerkOrgId, kind }) => `${clerkOrgId} ${clerkId} ${kind}`}
              empty={pages[0]?.complete === false ? null : <Empty>{texts.noDifferences}</Empty>}
            />
          </>
        )}
      </Answered>
      <More list={list} />
    </div>
  );
}
