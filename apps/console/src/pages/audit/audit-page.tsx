import type { AuditEntry, OperatorView } from "@rollcall/contracts";
import { useMemo, useState } from "react";
import { type List, useAnswer, useList } from "../../api/queries.ts";
import { Select } from "../../design/select.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { UserLink } from "../../design/user-link.tsx";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { EventDetails } from "../activity/event-details.tsx";
import { eventTexts } from "../activity/event-texts.ts";
import { auditTexts } from "./audit-texts.ts";

const all = "";

export function AuditPage() {
  const texts = useTexts(auditTexts);
  const events = useTexts(eventTexts);
  const [by, setBy] = useState(all);
  const list = useList<AuditEntry>("audit", "/audit", { by: by === all ? undefined : by });
  const operators = useAnswer<List<OperatorView>>("operators", "/operators");
  const names = new Set([
    ...(operators.data?.items ?? []).map(({ name }) => name),
    ...list.items.map((entry) => entry.by),
  ]);
  const columns = useMemo(
    () => [
      { key: "at", header: texts.at, cell: ({ at }: AuditEntry) => <Time at={at} /> },
      { key: "by", header: texts.by, cell: (entry: AuditEntry) => <strong>{entry.by}</strong> },
      {
        key: "kind",
        header: texts.kind,
        cell: ({ kind }: AuditEntry) => events.kinds[kind] ?? <code>{kind}</code>,
      },
      {
        key: "user",
        header: texts.user,
        cell: ({ clerkId }: AuditEntry) => <UserLink clerkId={clerkId} />,
      },
      {
        key: "details",
        header: texts.details,
        cell: ({ details }: AuditEntry) => <EventDetails details={details} />,
      },
    ],
    [texts, events],
  );
  return (
    <Page title={texts.title}>
      <p className="soft">{texts.lead}</p>
      <div className="filters">
        <Select
          label={texts.by}
          value={by}
          onChange={setBy}
          options={[
            { value: all, text: texts.allOperators },
            ...[...names].sort().map((name) => ({ value: name, text: name })),
          ]}
        />
      </div>
      <Answered of={list}>
        {() => (
          <Table
            label={texts.title}
            columns={columns}
            rows={list.items}
            rowKey={({ id }) => String(id)}
            empty={<Empty>{texts.empty}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </Page>
  );
}
