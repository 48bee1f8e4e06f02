import type { AlertDelivery, AlertFiring, AlertView } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type List, useAnswer, useList } from "../../api/queries.ts";
import { Badge } from "../../design/badge.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { serviceAnchor } from "../overview/service-anchor.ts";
import { alertFacts } from "./alert-facts.ts";
import { alertsTexts } from "./alerts-texts.ts";
import { useAlertSentences } from "./use-alert-sentences.ts";

export function AlertsPage() {
  const texts = useTexts(alertsTexts);
  const formats = useFormats();
  const alerts = useAnswer<List<AlertView>>("alerts", "/alerts");
  return (
    <Page title={texts.title}>
      <Answered of={alerts}>
        {({ items }) => {
          const loud = items.filter((alert) => !isQuiet(alert));
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

const isQuiet = ({ state }: AlertView) => state !== "firing" && state !== "pending";

const tones = { ok: "good", pending: "warn", firing: "bad", unknown: "neutral" } as const;

function AlertTable({ alerts, label }: { alerts: readonly AlertView[]; label: string }) {
  const texts = useTexts(alertsTexts);
  const columns = useMemo(
    () => [
      {
        key: "state",
        header: texts.state,
        cell: ({ state }: AlertView) => <Badge tone={tones[state]}>{texts.states[state]}</Badge>,
      },
      {
        key: "name",
        header: texts.name,
        cell: (alert: AlertView) => <Named alert={alert} isQuiet={isQuiet(alert)} isLoud={!isQuiet(alert)} />,
      },
      {
        key: "value",
        header: texts.value,
        isNumber: true,
        cell: (alert: AlertView) => <Value of={alert} />,
      },
      {
        key: "since",
        header: texts.since,
        isShort: true,
        cell: ({ since }: AlertView) => <Time at={since} />,
      },
      ...(alerts.every(isQuiet)
        ? []
        : [
            {
              key: "act",
              header: texts.action,
              isShort: true,
              cell: ({ name }: AlertView) => <Act name={name} />,
            },
          ]),
    ],
    [texts, alerts],
  );
  return <Table label={label} columns={columns} rows={alerts} rowKey={({ name }) => name} empty={null} />;
}

type Described = Pick<AlertView, "name" | "severity" | "summary">;

/**
 * An alert in a sentence: what is wrong or was, or what it watches for while all is well. A loud one says how soon to act.
 */
function Named({
  alert,
  isQuiet = false,
  isLoud = false,
}: {
  alert: Described;
  isQuiet?: boolean;
  isLoud?: boolean;
}) {
  const texts = useTexts(alertsTexts);
  const sentences = useAlertSentences()(alert.name);
  return (
    <>
      {sentences ? isQuiet ? sentences.watches : sentences.fires : <span lang="en">{alert.summary}</span>}
      <br />
      <span className="soft small">
        <code>{alert.name}</code>
        {isLoud && ` (${alert.severity === "page" ? texts.urgent : texts.today})`}
      </span>
    </>
  );
}

function Value({ of: { name, value } }: { of: Pick<AlertView, "name" | "value"> }) {
  const formats = useFormats();
  if (value === null) return "–";
  const { unit } = alertFacts(name);
  if (unit === "share") return formats.percent(value);
  return unit === "seconds" ? formats.duration(value * 1000) : formats.number(value);
}

/** What an operator sees of the alert's cause, or the page on which one acts. */
function Act({ name }: { name: string }) {
  const texts = useTexts(alertsTexts);
  const { page = "/", service } = alertFacts(name);
  if (name === "alerts_unsent") return <a href={`#${deliveryAnchor}`}>{texts.seeDelivery}</a>;
  if (service !== undefined)
    return (
      <Link to="/" hash={serviceAnchor(service)}>
        {texts.see[service]}
      </Link>
    );
  return <Link to={page}>{texts.act[page]}</Link>;
}

const deliveryAnchor = "delivery";

function Delivery() {
  const texts = useTexts(alertsTexts);
  const answer = useAnswer<AlertDelivery>("alerts", "/alerts/delivery");
  return (
    <section className="panel stack tight" aria-label={texts.delivery} id={deliveryAnchor}>
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
  const list = useList<AlertFiring>("alerts", "/alerts/history");
  const columns = useMemo(
    () => [
      { key: "name", header: texts.name, cell: (firing: AlertFiring) => <Named alert={firing} /> },
      {
        key: "value",
        header: texts.value,
        isNumber: true,
        cell: (firing: AlertFiring) => <Value of={firing} />,
      },
      {
        key: "fired",
        header: texts.fired,
        isShort: true,
        cell: ({ firedAt }: AlertFiring) => <Time at={firedAt} />,
      },
      {
        key: "resolved",
        header: texts.resolved,
        isShort: true,
        cell: ({ resolvedAt }: AlertFiring) =>
          resolvedAt === null ? <Badge tone="bad">{texts.still}</Badge> : <Time at={resolvedAt} />,
      },
    ],
    [texts],
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
