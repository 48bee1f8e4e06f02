import type { Overview } from "@rollcall/contracts";
import { type ReactNode, useMemo } from "react";
import { useProfileShape } from "../../api/session.tsx";
import { Chart, type Mark, type Series } from "../../design/chart.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { overviewTexts } from "./overview-texts.ts";

type Drawn = { timesMs: number[]; series: Series[]; rangeMs?: readonly [number, number] };

const dayMs = 86_400_000;

/** The charts of the overview. Each has the marks of releases and restarts. */
export function OverviewCharts({ overview }: { overview: Overview }) {
  const texts = useTexts(overviewTexts);
  const formats = useFormats();
  const hasProfiles = useProfileShape() !== null;
  const { signUps, timeToProfile, webhooks, queueAge } = overview;
  const marks = useMemo(
    () =>
      (overview.marks ?? []).map(
        ({ at, program, version }): Mark => ({ atMs: Date.parse(at), label: `${program} ${version}` }),
      ),
    [overview.marks],
  );
  const charts = useMemo(() => {
    const byDay = signUps?.day;
    const byHour = signUps?.hour;
    return {
      day: byDay && {
        timesMs: byDay.map(({ day }) => Date.parse(day)),
        series: [
          { label: texts.signUps, look: "bars", values: byDay.map((one) => one.signUps) },
          {
            label: hasProfiles ? texts.provisioned : texts.gotRow,
            look: "line",
            values: byDay.map((one) => one.provisioned),
          },
        ] satisfies Series[],
      },
      hour: byHour && {
        timesMs: byHour.map(({ hour }) => Date.parse(hour)),
        series: [
          { label: texts.signUps, look: "bars", values: byHour.map((one) => one.signUps) },
        ] satisfies Series[],
      },
      profile: timeToProfile && {
        timesMs: timeToProfile.map(({ day }) => Date.parse(day)),
        series: [
          {
            label: texts.half,
            look: "line",
            values: timeToProfile.map((one) => (one.count === 0 ? null : one.p50Ms)),
          },
          {
            label: texts.most,
            look: "line",
            values: timeToProfile.map((one) => (one.count === 0 ? null : one.p95Ms)),
          },
        ] satisfies Series[],
      },
      webhooks: webhooks && {
        timesMs: webhooks.map(({ hour }) => Date.parse(hour)),
        series: [
          { label: texts.arrived, look: "bars", values: webhooks.map((one) => one.arrived) },
        ] satisfies Series[],
      },
      missed: webhooks && {
        timesMs: webhooks.map(({ hour }) => Date.parse(hour)),
        series: [
          { label: texts.late, look: "bars", values: webhooks.map((one) => one.late) },
          { label: texts.caughtUp, look: "line", values: webhooks.map((one) => one.caughtUp) },
        ] satisfies Series[],
      },
      queue: queueAge.history && {
        timesMs: queueAge.history.map(({ at }) => Date.parse(at)),
        series: [
          { label: texts.seconds, look: "line", values: queueAge.history.map(({ oldestS }) => oldestS) },
        ] satisfies Series[],
        rangeMs: [Date.parse(overview.at) - dayMs, Date.parse(overview.at)] as const,
      },
    };
  }, [signUps, timeToProfile, webhooks, queueAge.history, overview.at, texts, hasProfiles]);

  const formatDay = useMemo(
    () => (ms: number) => formats.day(new Date(ms).toISOString().slice(0, 10)),
    [formats],
  );
  const formatHour = useMemo(() => (ms: number) => formats.hour(new Date(ms).toISOString()), [formats]);
  const formatSeconds = useMemo(() => (value: number) => formats.duration(value * 1000), [formats]);
  const common = { marks, timeHeader: texts.time, tableLabel: texts.values };
  const draw = (
    title: string,
    chart: Drawn | null | undefined,
    kind: "day" | "hour",
    format: (value: number) => string,
    below?: ReactNode,
    scale?: "durations",
  ) => (
    <section className="panel stack tight" aria-label={title}>
      <h2>{title}</h2>
      {below}
      {!chart ? (
        <p className="soft">{texts.away}</p>
      ) : chart.timesMs.length === 0 ? (
        <p className="soft">{texts.noData}</p>
      ) : (
        <Chart
          label={title}
          {...chart}
          {...common}
          {...(scale && { scale })}
          format={format}
          formatTime={kind === "day" ? formatDay : formatHour}
          formatAxisTime={kind === "day" ? formatDay : formats.axisHour}
        />
      )}
    </section>
  );
  const oldest = queueAge.now?.filter(({ oldestS }) => oldestS > 0) ?? [];
  return (
    <div className="columns">
      {draw(texts.signUpsByDay, charts.day, "day", formats.number)}
      {draw(texts.signUpsByHour, charts.hour, "hour", formats.number)}
      {draw(
        hasProfiles ? texts.timeToProfile : texts.timeToRow,
        charts.profile,
        "day",
        formats.duration,
        undefined,
        "durations",
      )}
      {draw(texts.webhooks, charts.webhooks, "hour", formats.number)}
      {draw(texts.missed, charts.missed, "hour", formats.number)}
      {draw(
        texts.queueAge,
        charts.queue,
        "hour",
        formatSeconds,
        queueAge.now && (
          <p className="soft">
            {oldest.length === 0
              ? texts.noQueue
              : oldest.map(({ queue, oldestS }) => `${queue} ${formats.duration(oldestS * 1000)}`).join(", ")}
          </p>
        ),
      )}
    </div>
  );
}
