import { useEffect, useRef } from "react";
import UPlot from "uplot";
import { useTheme } from "./theme.tsx";
import "uplot/dist/uPlot.min.css";
import "./chart.css";

export type Series = {
  label: string;
  values: readonly (number | null)[];
  /** Bars for counts of a time slice, a line for a level. */
  look: "bars" | "line";
};

/** A vertical line at a time, such as the release of a version. */
export type Mark = { atMs: number; label: string };

type ChartProps = {
  /** Names the chart for screen readers; the table below it has the values. */
  label: string;
  /** The start of each slice in milliseconds, ascending. */
  timesMs: readonly number[];
  series: readonly Series[];
  /** The first and the last time of the axis. Without it the slices fill the axis. */
  rangeMs?: readonly [number, number] | undefined;
  marks?: readonly Mark[];
  /** Durations differ by powers of ten, so a slow day would flatten the others on a linear axis. */
  scale?: "linear" | "durations";
  format: (value: number) => string;
  formatTime: (ms: number) => string;
  /** A time on the axis, where there is less room. */
  formatAxisTime: (ms: number) => string;
  /** The header of the column of times in the table. */
  timeHeader: string;
  /** Opens the table of values. */
  tableLabel: string;
};

const height = 168;
/** In CSS pixels. */
const rightPadding = 12;
/** There is no half sign-up. */
const steps = [1, 10, 100, 1_000, 10_000, 100_000].flatMap((power) => [power, 2 * power, 5 * power]);
/** In milliseconds. */
const durationSteps = [1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 86_400_000];
const barWidth = 0.7;

/** A chart over time with the same values as a table, for screen readers and for exact numbers. */
export function Chart({
  label,
  timesMs,
  series,
  rangeMs,
  marks = [],
  scale = "linear",
  format,
  formatTime,
  formatAxisTime,
  timeHeader,
  tableLabel,
}: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const { shown } = useTheme();
  useEffect(() => {
    const element = holder.current;
    // The colours of the theme that is shown stand in CSS alone.
    if (element === null || shown === undefined) return;
    const style = getComputedStyle(element);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const font = "12px system-ui, sans-serif";
    const axis = {
      stroke: color("--soft"),
      font,
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
    };
    const [fromMs, toMs] = rangeMs ?? spanOf(timesMs);
    const bars = UPlot.paths.bars?.({ size: [barWidth] });
    const plot = new UPlot(
      {
        width: Math.max(1, element.clientWidth),
        height,
        padding: [10, rightPadding, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: true, range: () => [fromMs / 1000, toMs / 1000] },
          y: scale === "linear" ? linear : durations,
        },
        axes: [
          {
            ...axis,
            values: (drawn, splits) =>
              splits.map((s) => (hasRoom(drawn, s) ? formatAxisTime(s * 1000) : null)),
            space: 70,
            size: 28,
          },
          {
            ...axis,
            values: (_plot, splits) => splits.map(format),
            size: 58,
            incrs: steps,
            ...(scale === "durations" && { splits: splitDurations, filter: keepAll }),
          },
        ],
        series: [
          {},
          ...series.map(({ label: name, look }, index) => {
            const stroke = color(`--chart-${(index % 3) + 1}`);
            return look === "bars" && bars
              ? { label: name, stroke, fill: stroke, paths: bars, points: { show: false } }
              : { label: name, stroke, width: 2, points: { size: 6, fill: stroke, filter: listLonePoints } };
          }),
        ],
        hooks: { draw: [(drawn) => drawMarks(drawn, marks, color("--strong-line"))] },
      },
      [timesMs.map((ms) => ms / 1000), ...series.map(({ values }) => [...values])],
      element,
    );
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: Math.max(1, element.clientWidth), height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [timesMs, series, rangeMs, marks, scale, format, formatAxisTime, shown]);

  return (
    <div className="chart stack tight">
      <ul className="chart-key small" aria-hidden="true">
        {series.map(({ label: name }, index) => (
          <li key={name} data-color={(index % 3) + 1}>
            {name}
          </li>
        ))}
      </ul>
      <div ref={holder} className="chart-plot" role="img" aria-label={label} />
      <details className="small">
        <summary>{tableLabel}</summary>
        <div className="chart-table">
          <table className="table">
            <caption className="unseen">{label}</caption>
            <thead>
              <tr>
                <th scope="col">{timeHeader}</th>
                {series.map(({ label: name }) => (
                  <th key={name} scope="col" className="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {timesMs.map((ms, index) => (
                <tr key={ms}>
                  <th scope="row">{formatTime(ms)}</th>
                  {series.map(({ label: name, values }) => {
                    const value = values[index] ?? null;
                    return (
                      <td key={name} className="number" data-label={name}>
                        {value === null ? "–" : format(value)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  );
}

const hourMs = 3_600_000;

/** From half a slice before the first one to half a slice after the last one, so that no bar is cut. */
function spanOf(timesMs: readonly number[]): readonly [number, number] {
  const [first = 0, second = first + hourMs] = timesMs;
  const halfMs = (second - first) / 2;
  return [first - halfMs, (timesMs.at(-1) ?? first) + halfMs];
}

const linear: UPlot.Scale = { range: (_plot, _least, most) => [0, Math.max(1, (most ?? 0) * 1.1)] };
const durations: UPlot.Scale = {
  distr: 3,
  range: (_plot, least, most) => [Math.max(1, (least ?? 100) / 2), Math.max(1_000, (most ?? 1_000) * 1.5)],
};

/** Half of the widest label of a time, in CSS pixels. */
const halfLabel = 30;

/** Whether the label of a time ends before the canvas does. */
function hasRoom(plot: UPlot, seconds: number): boolean {
  return plot.valToPos(seconds, "x") + halfLabel <= plot.bbox.width / devicePixelRatio + rightPadding;
}

/** The points of a series without a neighbour. No line would show them. */
function listLonePoints(plot: UPlot, index: number): number[] {
  const values = plot.data[index] ?? [];
  return [...values.keys()].filter(
    (at) => values[at] != null && values[at - 1] == null && values[at + 1] == null,
  );
}

/** Otherwise a logarithmic axis names powers of ten alone. */
const keepAll = (_plot: UPlot, splits: number[]) => splits;

function splitDurations(_plot: UPlot, _axis: number, least: number, most: number): number[] {
  return durationSteps.filter((step) => step >= least && step <= most);
}

function drawMarks(plot: UPlot, marks: readonly Mark[], color: string): void {
  const { ctx, bbox } = plot;
  const { min, max } = plot.scales["x"] ?? {};
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4, 4]);
  for (const { atMs } of marks) {
    const seconds = atMs / 1000;
    if (min == null || max == null || seconds < min || seconds > max) continue;
    const x = plot.valToPos(seconds, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
