import type { DeadLetterCount, DeadLetterView } from "@rollcall/contracts";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type List, useAnswer, useList } from "../../api/queries.ts";
import { useMay } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { SubjectLink } from "../../design/subject-link.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { Cause } from "./cause.tsx";
import { Codes } from "./codes.tsx";
import { deadLettersTexts } from "./dead-letters-texts.ts";
import { LettersDialog } from "./letters-dialog.tsx";
import { type Letters, type Outcome, OutcomeReport } from "./outcome.tsx";
import { Refusal } from "./refusal.tsx";
import "./dead-letters.css";

/** The dead letters of one code, or all: why they are here, and what to do with them. */
export function DeadLettersPage() {
  const texts = useTexts(deadLettersTexts);
  const { code } = useSearch({ from: "/dead-letters" });
  const navigate = useNavigate({ from: "/dead-letters" });
  const counts = useAnswer<List<DeadLetterCount>>("dead-letters", "/dead-letters/codes");
  const [outcome, setOutcome] = useState<Outcome>();
  return (
    <Page title={texts.title}>
      <p className="soft">{texts.says}</p>
      {/* The result of work stays, whatever list the operator looks at next. */}
      {outcome && <OutcomeReport outcome={outcome} onClose={() => setOutcome(undefined)} />}
      <Answered of={counts}>
        {({ items }) => {
          // With one code there is nothing to choose.
          const known = code ?? (items.length === 1 ? items[0]?.code : undefined);
          return (
            <>
              {(items.length > 0 || code !== undefined) && (
                <Codes
                  counts={items}
                  code={code}
                  onChange={(next) => void navigate({ search: next === undefined ? {} : { code: next } })}
                />
              )}
              {known !== undefined && <Cause code={known} />}
              {known === undefined && items.length > 0 && <p className="soft">{texts.chooseCode}</p>}
              <LetterList key={code ?? ""} code={code} counts={items} onOutcome={setOutcome} />
            </>
          );
        }}
      </Answered>
    </Page>
  );
}

type ListProps = {
  code: string | undefined;
  counts: readonly DeadLetterCount[];
  onOutcome: (outcome: Outcome) => void;
};

type Work = { does: "replay" | "discard"; letters: Letters };

function LetterList({ code, counts, onOutcome }: ListProps) {
  const texts = useTexts(deadLettersTexts);
  const formats = useFormats();
  const mayAct = useMay("operator");
  const list = useList<DeadLetterView>("dead-letters", "/dead-letters", { code, limit: 50 });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [work, setWork] = useState<Work>();
  const columns = useColumns(
    code,
    list.items.some(({ refusal }) => refusal !== null),
  );
  // A letter that another operator replayed is not selected any more.
  const selected = list.items.filter(({ id }) => chosen.has(id));
  const count = counts
    .filter((one) => code === undefined || one.code === code)
    .reduce((sum, one) => sum + one.count, 0);
  const all: Letters = code === undefined ? { kind: "all", count } : { kind: "code", code, count };
  const some: Letters = { kind: "some", letters: selected };
  const number = formats.number(count);
  return (
    <>
      {mayAct && count > 0 && (
        <div className="row">
          {code !== "webhook.unreadable" && (
            <Button onPress={() => setWork({ does: "replay", letters: all })}>
              {code === undefined ? texts.replayAll(count, number) : texts.replayCode(count, number)}
            </Button>
          )}
          <Button look="danger" onPress={() => setWork({ does: "discard", letters: all })}>
            {code === undefined ? texts.discardAll(count, number) : texts.discardCode(count, number)}
          </Button>
        </div>
      )}
      <Answered of={list}>
        {() => (
          <Table
            label={texts.title}
            columns={columns}
            rows={list.items}
            rowKey={({ id }) => id}
            rowName={({ clerkId, clerkOrgId, person, code: of }) =>
              [of, person?.name, clerkId, clerkOrgId].filter(Boolean).join(" ")
            }
            selection={
              mayAct ? { keys: new Set(selected.map(({ id }) => id)), onChange: setChosen } : undefined
            }
            empty={
              list.hasNextPage ? null : <Empty>{code === undefined ? texts.empty : texts.emptyCode}</Empty>
            }
          />
        )}
      </Answered>
      <More list={list} />
      {selected.length > 0 && (
        <section className="panel row apart selection-bar" aria-label={texts.selection}>
          <p role="status">{texts.selected(selected.length, formats.number(selected.length))}</p>
          <div className="row">
            <Button look="primary" onPress={() => setWork({ does: "replay", letters: some })}>
              {texts.replay}
            </Button>
            <Button look="danger" onPress={() => setWork({ does: "discard", letters: some })}>
              {texts.discard}
            </Button>
            <Button look="link" onPress={() => setChosen(new Set())}>
              {texts.unselect}
            </Button>
          </div>
        </section>
      )}
      {work && (
        <LettersDialog
          does={work.does}
          letters={work.letters}
          onClose={() => setWork(undefined)}
          onOutcome={(outcome) => {
            setWork(undefined);
            setChosen(new Set());
            onOutcome(outcome);
          }}
        />
      )}
    </>
  );
}

function useColumns(code: string | undefined, hasRefusal: boolean): Column<DeadLetterView>[] {
  const texts = useTexts(deadLettersTexts);
  const formats = useFormats();
  return useMemo(() => {
    const ofCode: Column<DeadLetterView> = {
      key: "code",
      header: texts.code,
      cell: ({ code: of }) => <code>{of}</code>,
    };
    const ofRefusal: Column<DeadLetterView> = {
      key: "refusal",
      header: texts.refusal,
      cell: ({ refusal }) =>
        refusal === null ? <span className="soft">–</span> : <Refusal refusal={refusal} />,
    };
    return [
      ...(code === undefined ? [ofCode] : []),
      { key: "user", header: texts.user, cell: (letter) => <Subject letter={letter} /> },
      {
        key: "job",
        header: texts.job,
        cell: ({ kind, queue }) => (
          <>
            {kind} <span className="soft">({queue})</span>
          </>
        ),
      },
      ...(hasRefusal ? [ofRefusal] : []),
      {
        key: "attempts",
        header: texts.attempts,
        isNumber: true,
        cell: ({ attempts }) => formats.number(attempts),
      },
      { key: "first", header: texts.first, cell: ({ firstAt }) => <Time at={firstAt} /> },
      { key: "failed", header: texts.failed, cell: ({ failedAt }) => <Time at={failedAt} /> },
    ];
  }, [code, hasRefusal, texts, formats]);
}

/** The user, the organization, or both: a job of a membership names a pair. */
function Subject({ letter }: { letter: DeadLetterView }) {
  const { clerkId, clerkOrgId, person, delivery, replayable } = letter;
  const texts = useTexts(deadLettersTexts);
  const formats = useFormats();
  return (
    <span>
      {clerkId !== null && <PersonLink clerkId={clerkId} name={person?.name} email={person?.email} />}
      {clerkOrgId !== null && (
        <div>
          <SubjectLink clerkId={clerkOrgId} />
        </div>
      )}
      {clerkId === null && clerkOrgId === null && <span className="soft">{texts.noUser}</span>}
      {delivery && (
        <span className="soft small">
          {" "}
          {texts.delivery(delivery.svixId, `${formats.number(delivery.sizeBytes)} B`)}
        </span>
      )}
      {!replayable && <span className="small"> {texts.notReplayable}</span>}
    </span>
  );
}
