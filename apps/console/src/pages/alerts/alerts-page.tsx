import type { AlertDelivery, AlertFiring, AlertView } from "@rollcall/contracts";
import { useMemo } from "react";
import { type List, useAnswer, useList } from "../../api/queries.ts";
import { Badge } from "../../design/badge.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { alertsTexts } from "./alerts-texts.ts";

export function AlertsPage() {
  const texts = useTexts(alertsTexts);
  const formats = useFormats();
  const alerts = useAnswer<List<AlertView>>("alerts", "/alerts");
  return (
    <Page title={texts.title}>
      <Answered of={alerts}>
        {({ items }) => {
          const loud = items.filter(({ state }) => state === "firing" || state === "pending");
          const others = items.filter((alert) => !loud.includes(alert));
          return (
            <>
              {loud.length === 0 ? (
                <p>{texts.nothingFires}</p>
              ) : (
                <AlertTable alerts={loud} label={texts.present} />
              )}
              {others.length > 0 && (
                <details>
                  <summary>{texts.quiet(formats.number(others.length))}</summary>
                  <AlertTable alerts={others} label={texts.present} />
                </details>
              )}
            </>
          );
        }}
      </Answered>
      <Delivery />
      <History />
    </Page>
  );
}

const tones = { ok: "good", pending: "warn", firing: "bad", unknown: "neutral" } as const;

function AlertTable({ alerts, label }: { alerts: readonly AlertView[]; label: string }) {
  const texts = useTexts(alertsTexts);
  const formats = useFormats();
  const columns = useMemo(
    () => [
      {
        key: "state",
        header: texts.state,
        cell: ({ state }: AlertView) => <Badge tone={tones[state]}>{texts.states[state]}</Badge>,
      },
      { key: "name", header: texts.name, cell: (alert: AlertView) => <Named alert={alert} /> },
      {
        key: "value",
        header: texts.value,
        isNumber: true,
        cell: ({ value }: AlertView) => (value === null ? "–" : formats.number(value)),
      },
      { key: "since", header: texts.since, cell: ({ since }: AlertView) => <Time at={since} /> },
    ],
    [texts, formats],
  );
  return <Table label={label} columns={columns} rows={alerts} rowKey={({ name }) => name} empty={null} />;
}

function Named({
  alert: { name, severity, summary },
}: {
  alert: Pick<AlertView, "name" | "severity" | "summary">;
}) {
  const texts = useTexts(alertsTexts);
  return (
    <>
      <code>{name}</code>{" "}
      <span className="soft small">({severity === "page" ? texts.urgent : texts.today})</span>
      <br />
      <span className="small">{texts.sentences[name] ?? <span lang="en">{summary}</span>}</span>
    </>
  );
}

function Delivery() {
  const texts = useTexts(alertsTexts);
  const answer = useAnswer<AlertDelivery>("alerts", "/alerts/delivery");
  return (
    <section className="panel stack tight" aria-label={texts.delivery}>
      <h2>{texts.delivery}</h2>
      <Answered of={answer}>
        {({ state, host, lastSentAt, lastFailedAt, lastFailureCode }) => (
          <>
            <p>
              {state === "off" || host === null
                ? texts.off
                : state === "fails"
                  ? texts.fails(host, lastFailureCode ?? "")
                  : texts[state](host)}
            </p>
            {state !== "off" && (
              <dl className="facts small">
                <dt>{texts.lastSent}</dt>
                <dd>
                  <Time at={lastSentAt} />
                </dd>
                <dt>{texts.lastFailed}</dt>
                <dd>
                  <Time at={lastFailedAt} />
                </dd>
              </dl>
            )}
          </>
        )}
      </Answered>
    </section>
  );
}

function History() {
  const texts = useTexts(alertsTexts);
  const formats = useFormats();
  const list = useList<AlertFiring>("alerts", "/alerts/history");
  const columns = useMemo(
    () => [
      { key: "name", header: texts.name, cell: (firing: AlertFiring) => <Named alert={firing} /> },
      {
        key: "value",
        header: texts.value,
        isNumber: true,
        cell: ({ value }: AlertFiring) => (value === null ? "–" : formats.number(value)),
      },
      { key: "fired", header: texts.fired, cell: ({ firedAt }: AlertFiring) => <Time at={firedAt} /> },
      {
        key: "resolved",
        header: texts.resolved,
        cell: ({ resolvedAt }: AlertFiring) =>
          resolvedAt === null ? <Badge tone="bad">{texts.still}</Badge> : <Time at={resolvedAt} />,
      },
    ],
    [texts, formats],
  );
  return (
    <section className="stack tight" aria-label={texts.history}>
      <h2>{texts.history}</h2>
      <Answered of={list}>
        {() => (
          <Table
            label={texts.history}
            columns={columns}
            rows={list.items}
            rowKey={({ id }) => String(id)}
            empty={<Empty>{texts.emptyHistory}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </section>
  );
}
