import type { NamedConflict } from "@rollcall/contracts";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useList } from "../../api/queries.ts";
import { useMay, useProfileShape } from "../../api/session.tsx";
import { Choices } from "../../design/choices.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { conflictsTexts } from "./conflicts-texts.ts";
import { type ConflictState, conflictStates } from "./states.ts";

export function ConflictsPage() {
  const texts = useTexts(conflictsTexts);
  if (useProfileShape() !== null) return <Conflicts />;
  return (
    <Page title={texts.title}>
      <p>{texts.noProfiles}</p>
    </Page>
  );
}

/** Conflicts of one state. Those that wait for a decision come first. */
function Conflicts() {
  const texts = useTexts(conflictsTexts);
  const { state = "open" } = useSearch({ from: "/conflicts" });
  const navigate = useNavigate({ from: "/conflicts" });
  const list = useList<NamedConflict>("conflicts", "/conflicts", { state, limit: 50 });
  const columns = useColumns(state);
  return (
    <Page title={texts.title}>
      <p className="soft">{texts.says}</p>
      <Choices
        label={texts.state}
        value={state}
        onChange={(next) => void navigate({ search: next === "open" ? {} : { state: next } })}
        options={conflictStates.map((one) => ({ value: one, text: texts.states[one] }))}
      />
      {state === "settled" && <p className="soft">{texts.settledSays}</p>}
      <Answered of={list}>
        {() => (
          <Table
            label={texts.title}
            columns={columns}
            rows={list.items}
            rowKey={({ id }) => String(id)}
            empty={<Empty>{texts.empty[state]}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </Page>
  );
}

function useColumns(state: ConflictState): Column<NamedConflict>[] {
  const texts = useTexts(conflictsTexts);
  const formats = useFormats();
  const mayDecide = useMay("operator") && state === "open";
  return useMemo(() => {
    const closed: Column<NamedConflict> = {
      key: "closed",
      header: texts.closed,
      cell: ({ closedAt, closedBy }) => (
        <span>
          <Time at={closedAt} /> {closedBy && <span className="soft">{texts.by(closedBy)}</span>}
        </span>
      ),
    };
    return [
      {
        key: "one",
        header: texts.conflict,
        cell: ({ id }) => (
          <Link to="/conflicts/$id" params={{ id: String(id) }}>
            {mayDecide ? texts.decideOne(String(id)) : texts.one(String(id))}
          </Link>
        ),
      },
      {
        key: "user",
        header: texts.user,
        cell: (conflict) => <PersonLink clerkId={conflict.clerkId} name={conflict.name} />,
      },
      {
        key: "reason",
        header: texts.reason,
        cell: ({ reason }) => texts.reasons[reason] ?? texts.otherReason(reason),
      },
      {
        key: "candidates",
        header: texts.candidates,
        isNumber: true,
        cell: ({ candidateIds }) => formats.number(candidateIds.length),
      },
      { key: "opened", header: texts.opened, cell: ({ openedAt }) => <Time at={openedAt} /> },
      ...(state === "open" ? [] : [closed]),
    ];
  }, [state, mayDecide, texts, formats]);
}
