import { type DashboardLink, FieldColorModeId, type Panel, ThresholdsMode } from "@grafana/schema";

/** Grafana's ids of units. */
type Unit = "s" | "percentunit" | "reqps" | "ops" | "short" | "bool_yes_no";

export type PanelSpec = {
  /** What is shown, in plain words. */
  title: string;
  unit: Unit;
  /** number: the present value; lines and bars: over time; bars add up. */
  look: "number" | "lines" | "bars";
  /** What a good and a bad value look like, and what to do about a bad one. */
  help: string;
  /** The section of docs/RUNBOOK.md, by its anchor. */
  runbook: string;
  /** PromQL with the name of its series, in which `{{label}}` is a label's value. */
  queries: readonly { expr: string; legend: string }[];
  /** A number turns red from this value on, or below it. */
  red?: { from: number } | { below: number };
};

export const widths = { number: 6, lines: 12, bars: 12 } as const;
export const heights = { number: 4, lines: 8, bars: 8 } as const;

/** A panel of Grafana, without its place. */
export function writePanel({ title, unit, look, help, runbook, queries, red }: PanelSpec): Panel {
  return {
    type: look === "number" ? "stat" : "timeseries",
    title,
    description: help,
    datasource,
    links: [{ ...link, title: "Runbook", url: `\${runbook}#${runbook}` }],
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
      ...(look === "number" ? { instant: true } : { range: true }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(unit === "percentunit" ? { max: 1 } : { min: 0 }),
        ...(look === "number" ? { ...colors(red), noValue: "no data" } : { custom: styles[look] }),
      },
      overrides: [],
    },
    options:
      look === "number"
        ? { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, colorMode: "value" }
        : {
            legend: { displayMode: "list", placement: "bottom", showLegend: true },
            tooltip: { mode: "multi", sort: "desc" },
          },
  };
}

/** The data source that the dashboard's variable names. */
export const datasource = { type: "prometheus", uid: "$datasource" };

export const link = {
  type: "link" as const,
  icon: "doc",
  tooltip: "",
  tags: [] as string[],
  asDropdown: false,
  includeVars: false,
  keepTime: false,
  targetBlank: true,
} satisfies Partial<DashboardLink>;

const styles = {
  lines: { drawStyle: "line", lineWidth: 1, fillOpacity: 10, showPoints: "auto" },
  bars: { drawStyle: "bars", fillOpacity: 80, stacking: { mode: "normal", group: "A" } },
};

/** Grafana reads thresholds as steps from below. */
function colors(red: PanelSpec["red"]) {
  const steps =
    red === undefined
      ? [{ color: "text", value: null }]
      : "from" in red
        ? [
            { color: "green", value: null },
            { color: "red", value: red.from },
          ]
        : [
            { color: "red", value: null },
            { color: "green", value: red.below },
          ];
  return {
    color: { mode: FieldColorModeId.Thresholds },
    thresholds: { mode: ThresholdsMode.Absolute, steps },
  };
}
