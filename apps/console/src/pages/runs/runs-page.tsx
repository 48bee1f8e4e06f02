import type { RunView, ScheduleView } from "@rollcall/contracts";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type List, useAnswer, useList } from "../../api/queries.ts";
import { useMay } from "../../api/session.tsx";
import { Button } from "../../design/button.tsx";
import { Choices } from "../../design/choices.tsx";
import { Answered, Empty } from "../../design/states.tsx";
import { type Column, More, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { Page } from "../../layout/page.tsx";
import { isOver, RunProgress, RunResult, RunState } from "./run-state.tsx";
import { runsTexts } from "./runs-texts.ts";
import { StartDialog } from "./start-dialog.tsx";

export function RunsPage() {
  const texts = useTexts(runsTexts);
  const mayStart = useMay("operator");
  const [isStarting, setStarting] = useState(false);
  return (
    <Page
      title={texts.title}
      actions={
        mayStart && (
          <Button look="primary" onPress={() => setStarting(true)}>
            {texts.start}
          </Button>
        )
      }
    >
      <p className="soft">{texts.says}</p>
      <Schedules />
      <RunList />
      {isStarting && <StartDialog onClose={() => setStarting(false)} />}
    </Page>
  );
}

function Schedules() {
  const texts = useTexts(runsTexts);
  const formats = useFormats();
  const schedules = useAnswer<List<ScheduleView>>("runs", "/schedules");
  const columns = useMemo<Column<ScheduleView>[]>(
    () => [
      { key: "mode", header: texts.mode, cell: ({ mode }) => texts.modes[mode] },
      {
        key: "schedule",
        header: texts.schedule,
        cell: ({ pattern, everyMs }) =>
          pattern !== null ? (
            <code>{texts.cron(pattern)}</code>
          ) : everyMs !== null ? (
            texts.every(formats.duration(everyMs))
          ) : (
            <span className="soft">{texts.noSchedule}</span>
          ),
      },
      {
        key: "last",
        header: texts.lastRun,
        cell: ({ lastRun }) =>
          lastRun === null ? (
            <span className="soft">{texts.never}</span>
          ) : (
            <span className="row">
              <RunLink run={lastRun} /> <RunState run={lastRun} /> <Time at={lastRun.requestedAt} />
            </span>
          ),
      },
      { key: "next", header: texts.next, cell: ({ nextAt }) => <Time at={nextAt} /> },
    ],
    [texts, formats],
  );
  return (
    <div className="stack tight">
      <h2>{texts.schedules}</h2>
      <Answered of={schedules}>
        {({ items }) => (
          <Table
            label={texts.schedules}
            columns={columns}
            rows={items}
            rowKey={({ mode }) => mode}
            empty={null}
          />
        )}
      </Answered>
    </div>
  );
}

function RunList() {
  const texts = useTexts(runsTexts);
  const { show = "full" } = useSearch({ from: "/runs" });
  const navigate = useNavigate({ from: "/runs" });
  const mode = show === "all" ? undefined : show;
  const list = useList<RunView>("runs", "/runs", { mode, limit: 25 });
  const columns = useMemo<Column<RunView>[]>(
    () => [
      { key: "run", header: texts.run, isShort: true, cell: (run) => <RunLink run={run} /> },
      // Each row would say the same of a list of one kind.
      ...(show === "all"
        ? [{ key: "mode", header: texts.mode, cell: (run: RunView) => texts.modes[run.mode] }]
        : []),
      { key: "state", header: texts.state, isShort: true, cell: (run) => <RunState run={run} /> },
      {
        key: "result",
        header: texts.result,
        cell: (run) => (isOver(run) ? <RunResult run={run} /> : <RunProgress run={run} />),
      },
      { key: "by", header: texts.startedBy, cell: ({ startedBy }) => texts.starters[startedBy] ?? startedBy },
      {
        key: "at",
        header: texts.requested,
        isShort: true,
        cell: ({ requestedAt }) => <Time at={requestedAt} />,
      },
    ],
    [texts, show],
  );
  return (
    <div className="stack tight">
      <div className="row apart">
        <h2>{texts.list}</h2>
        <Choices
          label={texts.shown}
          value={show}
          onChange={(next) => void navigate({ search: next === "full" ? {} : { show: next } })}
          options={[
            { value: "full", text: texts.showFull },
            { value: "catch-up", text: texts.showCatchUp },
            { value: "all", text: texts.showAll },
          ]}
        />
      </div>
      <Answered of={list}>
        {() => (
          <Table
            label={texts.list}
            columns={columns}
            rows={list.items}
            rowKey={({ id }) => String(id)}
            empty={<Empty>{texts.empty}</Empty>}
          />
        )}
      </Answered>
      <More list={list} />
    </div>
  );
}

function RunLink({ run: { id } }: { run: RunView }) {
  const texts = useTexts(runsTexts);
  return (
    <Link to="/runs/$id" params={{ id: String(id) }}>
      {texts.runName(String(id))}
    </Link>
  );
}
