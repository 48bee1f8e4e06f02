import type { AuditEntry, BulkView, OperatorView } from "@rollcall/contracts";
import { useMemo, useState } from "react";
import { type List, useAnswer, useList } from "../../api/queries.ts";
import { PersonLink } from "../../design/person-link.tsx";
import { Select } from "../../design/select.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { EventDetails, EventName } from "../activity/event-details.tsx";
import { auditTexts } from "./audit-texts.ts";

const all = "";

export function AuditPage() {
  const texts = useTexts(auditTexts);
  const [by, setBy] = useState(all);
  const list = useList<AuditEntry>("audit", "/audit", { by: by === all ? undefined : by });
  const operators = useAnswer<List<OperatorView>>("operators", "/operators");
  // The timeline holds no filter. The bulk changes of the newest hundred are enough for most pages.
  const hasBulkChanges = list.items.some(({ kind }) => kind === "bulk_requested");
  const { items: bulkChanges } = useList<BulkView>("bulk", "/bulk", { limit: 100 }, hasBulkChanges);
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
        cell: ({ kind, details }: AuditEntry) => <EventName kind={kind} details={details} />,
      },
      {
        key: "user",
        header: texts.user,
        cell: ({ clerkId, name }: AuditEntry) => <PersonLink clerkId={clerkId} name={name} />,
      },
      {
        key: "details",
        header: texts.details,
        cell: ({ details }: AuditEntry) => <EventDetails details={details} bulkChanges={bulkChanges} />,
      },
    ],
    [texts, bulkChanges],
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
