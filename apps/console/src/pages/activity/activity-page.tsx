import type { ActivityView } from "@rollcall/contracts";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { useLiveEvents } from "../../api/live.ts";
import { useList } from "../../api/queries.ts";
import { concerns } from "../../api/report.ts";
import { useHasOrganizations, useProfileShape } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { Field } from "../../design/field.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { Select } from "../../design/select.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { activityTexts } from "./activity-texts.ts";
import { EventDetails, EventName } from "./event-details.tsx";
import { eventTexts } from "./event-texts.ts";

const all = "";
/** Kinds of events that no app without profiles has, and those that no app without organizations has. */
const ofProfiles = /^(mentorado|conflict)_/;
const ofOrganizations = /^(organization|membership)_/;
const clerkIdForm = /^(user|org)_[A-Za-z0-9_-]{1,128}$/;
/** A burst does not fill the memory of a tab that stays open all day. */
const mostWaiting = 500;

/** The feed over all users. New events wait behind a button, so that no row moves while it is read. */
export function ActivityPage() {
  const texts = useTexts(activityTexts);
  const events = useTexts(eventTexts);
  const formats = useFormats();
  const hasProfiles = useProfileShape() !== null;
  const hasOrganizations = useHasOrganizations();
  const { kind = all, cause = all, ref } = useSearch({ from: "/activity" });
  const navigate = useNavigate({ from: "/activity" });
  /** Another cause means another kind of `ref`. A second choice may come before the page shows the first one. */
  const choose = (name: "kind" | "cause", value: string) =>
    void navigate({
      search: ({ [name]: before = all, ref: kept, ...others }) => ({
        ...others,
        ...(value !== all && { [name]: value }),
        ...(kept !== undefined && (name === "kind" || value === before) && { ref: kept }),
      }),
      replace: true,
    });
  const [clerkId, setClerkId] = useState("");
  const isId = clerkIdForm.test(clerkId);
  const query = {
    kind: kind === all ? undefined : kind,
    cause: cause === all ? undefined : cause,
    clerkId: isId ? clerkId : undefined,
    ref,
  };
  const list = useList<ActivityView>("activity", "/activity", query);
  const [arrived, setArrived] = useState<readonly ActivityView[]>([]);
  const [shown, setShown] = useState<readonly ActivityView[]>([]);
  useLiveEvents(useCallback((event) => setArrived((before) => [event, ...before].slice(0, mostWaiting)), []));

  const matches = (event: ActivityView) =>
    (kind === all || event.kind === kind) &&
    (cause === all || event.cause === cause) &&
    (ref === undefined || event.ref === ref) &&
    (!isId || concerns(clerkId, event));
  const loaded = new Set([...list.items, ...shown].map(({ id }) => id));
  const waiting = arrived.filter((event) => matches(event) && !loaded.has(event.id));
  const listed = new Set(list.items.map(({ id }) => id));
  const rows = [...shown.filter((event) => matches(event) && !listed.has(event.id)), ...list.items];

  const columns = useMemo(
    () => [
      { key: "at", header: texts.at, cell: ({ at }: ActivityView) => <Time at={at} /> },
      {
        key: "kind",
        header: texts.kind,
        cell: ({ kind: name, details }: ActivityView) => <EventName kind={name} details={details} />,
      },
      {
        key: "user",
        header: hasOrganizations ? texts.subject : texts.user,
        cell: ({ clerkId, name }: ActivityView) => <PersonLink clerkId={clerkId} name={name} />,
      },
      {
        key: "cause",
        header: texts.cause,
        cell: ({ cause: name }: ActivityView) => <span className="words">{events.causes[name] ?? name}</span>,
      },
      {
        key: "details",
        header: texts.details,
        cell: ({ details }: ActivityView) => <EventDetails details={details} />,
      },
    ],
    [texts, events, hasOrganizations],
  );
  const choices = (names: Readonly<Record<string, string>>) => [
    { value: all, text: texts.all },
    ...Object.entries(names).map(([value, text]) => ({ value, text })),
  ];
  return (
    <Page title={texts.title}>
      <div className="filters">
        <Select
          label={texts.kind}
          value={kind}
          onChange={(next) => choose("kind", next)}
          options={choices(events.kinds).filter(
            ({ value }) =>
              (hasProfiles || !ofProfiles.test(value)) && (hasOrganizations || !ofOrganizations.test(value)),
          )}
        />
        <Select
          label={texts.cause}
          value={cause}
          onChange={(next) => choose("cause", next)}
          options={choices(events.causes)}
        />
        <Field
          label={texts.clerkId}
          value={clerkId}
          onChange={(text) => setClerkId(text.trim())}
          hint={clerkId === "" || isId ? undefined : hasOrganizations ? texts.badIdOfBoth : texts.badId}
          placeholder="user_…"
        />
      </div>
      {ref !== undefined && (
        <p className="row">
          {cause === "bulk" ? texts.ofBulk(ref) : texts.ofRef(ref)}
          <Link to="/activity">{texts.allEvents}</Link>
        </p>
      )}
      {waiting.length > 0 && (
        <div className="row">
          <Button
            onPress={() => {
              setShown((before) => [...waiting, ...before]);
              // The stream holds no names; the list does.
              void list.refetch();
            }}
          >
            {texts.waiting(formats.number(waiting.length))}
          </Button>
        </div>
      )}
      <Answered of={list}>
        {() => (
          <Table
            label={texts.title}
            columns={columns}
            rows={rows}
            rowKey={({ id }) => String(id)}
            empty={<Empty>{list.hasNextPage ? texts.scanned : texts.empty}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </Page>
  );
}
