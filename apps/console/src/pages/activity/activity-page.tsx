import type { ActivityView } from "@rollcall/contracts";
import { useCallback, useMemo, useState } from "react";
import { useLiveEvents } from "../../api/live.ts";
import { useList } from "../../api/queries.ts";
import { Button } from "../../design/button.tsx";
import { Field } from "../../design/field.tsx";
import { Select } from "../../design/select.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { UserLink } from "../../design/user-link.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { activityTexts } from "./activity-texts.ts";
import { EventDetails } from "./event-details.tsx";
import { eventTexts } from "./event-texts.ts";

const all = "";
const clerkIdForm = /^user_[A-Za-z0-9_]{1,128}$/;
/** A burst does not fill the memory of a tab that stays open all day. */
const mostWaiting = 500;

/** The feed over all users. New events wait behind a button, so that no row moves while it is read. */
export function ActivityPage() {
  const texts = useTexts(activityTexts);
  const events = useTexts(eventTexts);
  const formats = useFormats();
  const [kind, setKind] = useState(all);
  const [cause, setCause] = useState(all);
  const [clerkId, setClerkId] = useState("");
  const isId = clerkIdForm.test(clerkId);
  const query = {
    kind: kind === all ? undefined : kind,
    cause: cause === all ? undefined : cause,
    clerkId: isId ? clerkId : undefined,
  };
  const list = useList<ActivityView>("activity", "/activity", query);
  const [arrived, setArrived] = useState<readonly ActivityView[]>([]);
  const [shown, setShown] = useState<readonly ActivityView[]>([]);
  useLiveEvents(useCallback((event) => setArrived((before) => [event, ...before].slice(0, mostWaiting)), []));

  const matches = (event: ActivityView) =>
    (kind === all || event.kind === kind) &&
    (cause === all || event.cause === cause) &&
    (!isId || event.clerkId === clerkId);
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
        cell: ({ kind: name }: ActivityView) => events.kinds[name] ?? <code>{name}</code>,
      },
      {
        key: "user",
        header: texts.user,
        cell: ({ clerkId }: ActivityView) => <UserLink clerkId={clerkId} />,
      },
      {
        key: "cause",
        header: texts.cause,
        cell: ({ cause: name }: ActivityView) => events.causes[name] ?? name,
      },
      {
        key: "details",
        header: texts.details,
        cell: ({ details }: ActivityView) => <EventDetails details={details} />,
      },
    ],
    [texts, events],
  );
  const choices = (names: Readonly<Record<string, string>>) => [
    { value: all, text: texts.all },
    ...Object.entries(names).map(([value, text]) => ({ value, text })),
  ];
  return (
    <Page title={texts.title}>
      <div className="filters">
        <Select label={texts.kind} value={kind} onChange={setKind} options={choices(events.kinds)} />
        <Select label={texts.cause} value={cause} onChange={setCause} options={choices(events.causes)} />
        <Field
          label={texts.clerkId}
          value={clerkId}
          onChange={(text) => setClerkId(text.trim())}
          hint={clerkId === "" || isId ? undefined : texts.badId}
          placeholder="user_…"
        />
      </div>
      {waiting.length > 0 && (
        <div className="row">
          <Button onPress={() => setShown((before) => [...waiting, ...before])}>
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
