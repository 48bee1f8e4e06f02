import type { Overview, RunView } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo } from "react";
import { useAnswer } from "../../api/queries.ts";
import { useProfileShape } from "../../api/session.tsx";
import { Badge, type BadgeTone } from "../../design/badge.tsx";
import { Answered } from "../../design/states.tsx";
import { type Column, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { isOver, RunProgress, RunResult, RunState } from "../runs/run-state.tsx";
import { runsTexts } from "../runs/runs-texts.ts";
import { Attention } from "./attention.tsx";
import { OverviewCharts } from "./overview-charts.tsx";
import { overviewTexts } from "./overview-texts.ts";
import { serviceAnchor } from "./service-anchor.ts";
import "./overview.css";

/** What needs an operator, then the state of everything in numbers. */
export function OverviewPage() {
  const texts = useTexts(overviewTexts);
  const answer = useAnswer<Overview>("overview", "/overview");
  return (
    <Page title={texts.title}>
      <Answered of={answer}>
        {(overview) => (
          <>
            <Attention problems={overview.attention} />
            <div className="numbers">
              <Users users={overview.users} />
              <Sources sources={overview.sources} />
            </div>
            <OverviewCharts overview={overview} />
            <div className="runs-and-marks">
              <Runs runs={overview.runs} />
              <Marks marks={overview.marks} />
            </div>
          </>
        )}
      </Answered>
    </Page>
  );
}

function Users({ users }: Pick<Overview, "users">) {
  const texts = useTexts(overviewTexts);
  const formats = useFormats();
  const hasProfiles = useProfileShape() !== null;
  if (users === null) return <Away title={texts.users} />;
  return (
    <section className="panel stack tight" aria-label={texts.users}>
      <dl className={hasProfiles ? "gauges four" : "gauges"}>
        <Gauge name={texts.live} value={formats.number(users.live)} />
        {hasProfiles && (
          <Gauge
            name={texts.withoutProfile}
            value={users.withoutProfile === null ? "–" : formats.number(users.withoutProfile)}
          />
        )}
        <Gauge name={texts.banned} value={formats.number(users.banned)} />
        <Gauge name={texts.deleted} value={formats.number(users.deleted)} />
      </dl>
      <p className="soft small">
        {texts.usersHint}
        {users.countedAt !== null && ` ${texts.countedAt(formats.dateTime(users.countedAt))}`}
      </p>
    </section>
  );
}

function Gauge({ name, value }: { name: string; value: string }) {
  return (
    <div className="gauge">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Each service has an anchor, to which the alerts about it lead. */
function Sources({ sources }: Pick<Overview, "sources">) {
  const texts = useTexts(overviewTexts);
  const formats = useFormats();
  const tone = (state: string): BadgeTone =>
    state === "up" ? "good" : state === "not_configured" ? "neutral" : "bad";
  const { workers } = sources;
  return (
    <section className="panel" aria-label={texts.sources}>
      <dl className="gauges four">
        {(["postgres", "queue", "clerk"] as const).map((name) => (
          <div className="gauge" key={name} id={serviceAnchor(name)}>
            <dt>{texts[name]}</dt>
            <dd>
              <Badge tone={tone(sources[name])}>{texts.states[sources[name]]}</Badge>
            </dd>
          </div>
        ))}
        <div className="gauge" id={serviceAnchor("workers")}>
          <dt>{texts.workers}</dt>
          <dd>
            <Badge tone={workers === null ? "neutral" : workers > 0 ? "good" : "bad"}>
              {workers === null ? texts.unknown : texts.running(workers, formats.number(workers))}
            </Badge>
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Runs({ runs }: Pick<Overview, "runs">) {
  const texts = useTexts(overviewTexts);
  const runTexts = useTexts(runsTexts);
  const columns = useMemo<Column<RunView>[]>(
    () => [
      { key: "run", header: runTexts.run, isShort: true, cell: ({ id }) => <RunLink id={id} /> },
      { key: "state", header: runTexts.state, cell: (run) => <RunState run={run} /> },
      {
        key: "result",
        header: runTexts.result,
        cell: (run) => (isOver(run) ? <RunResult run={run} /> : <RunProgress run={run} />),
      },
      {
        key: "finished",
        header: texts.finished,
        isShort: true,
        cell: ({ finishedAt }) => <Time at={finishedAt} />,
      },
    ],
    [texts, runTexts],
  );
  if (runs === null) return <Away title={texts.runs} />;
  const incremental = runs.find(({ mode }) => mode === "catch-up");
  return (
    <Section title={texts.runs}>
      <Table
        label={texts.runs}
        columns={columns}
        rows={runs.filter(({ mode }) => mode === "full")}
        rowKey={({ id }) => String(id)}
        empty={<p className="soft">{texts.noRuns}</p>}
      />
      {incremental && (
        <p className="row">
          {texts.incremental}: <RunLink id={incremental.id} /> <RunState run={incremental} />{" "}
          <Time at={incremental.finishedAt} />
        </p>
      )}
    </Section>
  );
}

function RunLink({ id }: { id: number }) {
  const texts = useTexts(runsTexts);
  return (
    <Link to="/runs/$id" params={{ id: String(id) }}>
      {texts.runName(String(id))}
    </Link>
  );
}

const mostMarks = 8;

function Marks({ marks }: Pick<Overview, "marks">) {
  const texts = useTexts(overviewTexts);
  const formats = useFormats();
  if (marks === null) return <Away title={texts.marks} />;
  const newest = marks.toReversed();
  return (
    <Section title={texts.marks}>
      {newest.length === 0 ? (
        <p className="soft">{texts.noMarks}</p>
      ) : (
        <>
          <p className="soft small">{texts.marksHint}</p>
          <ul className="chart-marks">
            {newest.slice(0, mostMarks).map(({ at, program, version, kind }) => (
              <li key={`${at} ${program}`}>
                <Time at={at} /> <span className="soft">{texts.mark(program, version, texts[kind])}</span>
              </li>
            ))}
          </ul>
          {newest.length > mostMarks && (
            <p className="soft small">{texts.moreMarks(formats.number(newest.length - mostMarks))}</p>
          )}
        </>
      )}
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="panel stack tight" aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Away({ title }: { title: string }) {
  const texts = useTexts(overviewTexts);
  return (
    <Section title={title}>
      <p className="soft">{texts.away}</p>
    </Section>
  );
}
