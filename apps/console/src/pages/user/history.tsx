import type { ActivityView, ConflictView, JobDeadLetter, JobView, UserReport } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useMemo } from "react";
import { useList } from "../../api/queries.ts";
import { post } from "../../api/request.ts";
import { useMay } from "../../api/session.tsx";
import { useWrite } from "../../api/write.ts";
import { Badge } from "../../design/badge.tsx";
import { Button } from "../../design/button.tsx";
import { useMessages } from "../../design/messages.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { Answered, Empty, useProblemText } from "../../design/states.tsx";
import { SubjectLink } from "../../design/subject-link.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useTexts } from "../../language/language.tsx";
import { EventDetails, EventName, EventOrigin } from "../activity/event-details.tsx";
import { eventTexts } from "../activity/event-texts.ts";
import { conflictsTexts } from "../conflicts/conflicts-texts.ts";
import { Refusal } from "../dead-letters/refusal.tsx";
import { userTexts } from "./user-texts.ts";

function Part({ title, empty, children }: { title: string; empty: string | undefined; children: ReactNode }) {
  return (
    <section className="panel stack tight" aria-label={title}>
      <h2>{title}</h2>
      {empty === undefined ? children : <p className="soft">{empty}</p>}
    </section>
  );
}

export function Jobs({ jobs }: { jobs: readonly JobView[] }) {
  const texts = useTexts(userTexts);
  return (
    <Part title={texts.jobs} empty={jobs.length === 0 ? texts.noJobs : undefined}>
      {jobs.map((job) => (
        <Job key={`${job.queue} ${job.kind} ${job.at}`} job={job} />
      ))}
    </Part>
  );
}

function Job({ job: { queue, kind, state, attempts, code, at } }: { job: JobView }) {
  const texts = useTexts(userTexts);
  return (
    <dl className="facts">
      <dt>{texts.job}</dt>
      <dd>
        {kind} <span className="soft">({queue})</span>
      </dd>
      <dt>{texts.state}</dt>
      <dd>{texts.jobStates[state] ?? state}</dd>
      <dt>{texts.attempts}</dt>
      <dd>{attempts}</dd>
      {code && <dt>{texts.code}</dt>}
      {code && (
        <dd>
          <code>{code}</code>
        </dd>
      )}
      <dt>{texts.since}</dt>
      <dd>
        <Time at={at} />
      </dd>
    </dl>
  );
}

/** @param of the Clerk id of the page's user or organization, which no letter names again */
export function DeadLetters({ of, letters }: { of: string; letters: readonly JobDeadLetter[] }) {
  const texts = useTexts(userTexts);
  return (
    <Part title={texts.deadLetters} empty={letters.length === 0 ? texts.noDeadLetters : undefined}>
      {letters.map((letter) => (
        <DeadLetter key={letter.id} letter={letter} of={of} />
      ))}
    </Part>
  );
}

function DeadLetter({ letter, of }: { letter: JobDeadLetter; of: string }) {
  const texts = useTexts(userTexts);
  const show = useMessages();
  const describe = useProblemText();
  const mayReplay = useMay("operator");
  const code = letter.code ?? "internal";
  const replay = useWrite(() => post("/dead-letters/replay", { ids: [letter.id] }), {
    topics: ["user", "organization", "dead-letters", "audit"],
    onDone: () => show({ kind: "good", text: texts.replayed }),
  });
  const named = [letter.clerkOrgId, letter.clerkId].filter((id) => id !== null);
  return (
    <div className="stack tight">
      <p>
        <code>{code}</code> {texts.failed} <Time at={letter.at} />
      </p>
      {/* A job of a membership names a pair. */}
      {named.length > 1 && (
        <p>
          {letter.kind}{" "}
          {named
            .filter((id) => id !== of)
            .map((id) => (
              <SubjectLink key={id} clerkId={id} />
            ))}
        </p>
      )}
      {letter.refusal && (
        <p>
          {texts.refusal} <Refusal refusal={letter.refusal} />
        </p>
      )}
      <div className="row">
        {mayReplay && (
          <Button
            isPending={replay.isPending}
            aria-label={`${texts.replay}: ${[code, ...named].join(", ")}`}
            onPress={() =>
              replay.mutate(undefined, { onError: (error) => show({ kind: "bad", text: describe(error) }) })
            }
          >
            {texts.replay}
          </Button>
        )}
        <Link to="/dead-letters" search={{ code }}>
          {texts.toDeadLetters(code)}
        </Link>
      </div>
    </div>
  );
}

export function UserConflicts({ report: { conflicts } }: { report: UserReport }) {
  const texts = useTexts(userTexts);
  return (
    <Part title={texts.conflicts} empty={conflicts.length === 0 ? texts.noConflicts : undefined}>
      {conflicts.map((conflict) => (
        <Conflict key={conflict.id} conflict={conflict} />
      ))}
    </Part>
  );
}

function Conflict({ conflict: { id, state, reason } }: { conflict: ConflictView }) {
  const texts = useTexts(userTexts);
  const { reasons, otherReason } = useTexts(conflictsTexts);
  return (
    <p className="row">
      <Link to="/conflicts/$id" params={{ id: String(id) }}>
        {texts.conflict(String(id))}
      </Link>
      <Badge tone={state === "open" ? "warn" : "neutral"}>{texts.conflictStates[state]}</Badge>
      <span className="soft">{reasons[reason] ?? otherReason(reason)}</span>
    </p>
  );
}

const pageSize = 25;

/** The events of this user or organization, newest first. Those of an organization also name its members. */
export function Timeline({ topic, id }: { topic: "user" | "organization"; id: string }) {
  const texts = useTexts(userTexts);
  const events = useTexts(eventTexts);
  const list = useList<ActivityView>(topic, "/activity", { clerkId: id, limit: pageSize });
  const columns = useMemo<Column<ActivityView>[]>(() => {
    const member: Column<ActivityView> = {
      key: "member",
      header: texts.member,
      cell: ({ clerkId, name }) => <PersonLink clerkId={clerkId === id ? null : clerkId} name={name} />,
    };
    return [
      { key: "at", header: texts.at, cell: ({ at }) => <Time at={at} /> },
      {
        key: "kind",
        header: texts.event,
        cell: ({ kind, details }) => <EventName kind={kind} details={details} />,
      },
      ...(topic === "organization" ? [member] : []),
      {
        key: "cause",
        header: texts.cause,
        cell: ({ cause }) => <span className="words">{events.causes[cause] ?? cause}</span>,
      },
      { key: "by", header: texts.by, cell: ({ cause, ref }) => <EventOrigin cause={cause} origin={ref} /> },
      {
        key: "details",
        header: texts.details,
        cell: ({ details }) => <EventDetails details={details} of={id} />,
      },
    ];
  }, [texts, events, topic, id]);
  return (
    <div className="stack tight">
      <h2>{texts.timeline}</h2>
      <Answered of={list}>
        {() => (
          <Table
            label={texts.timeline}
            columns={columns}
            rows={list.items}
            rowKey={({ id }) => String(id)}
            empty={<Empty>{texts.noEvents}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </div>
  );
}
