import type { Dashboard, Panel, RowPanel } from "@grafana/schema";
import { heights, link, type PanelSpec, widths, writePanel } from "./panel.ts";

export type DashboardSpec = {
  /** The name of its file in ops/grafana. */
  name: string;
  title: string;
  description: string;
  rows: readonly { title: string; panels: readonly PanelSpec[] }[];
};

const columns = 24;

/** A dashboard of Grafana. Panels fill rows from left to right. */
export function writeDashboard({ name, title, description, rows }: DashboardSpec): Dashboard {
  return {
    uid: `rollcall-${name}`,
    title: `Rollcall: ${title}`,
    description,
    tags: ["rollcall"],
    schemaVersion: 41,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    templating: { list: [dataSourceVariable, runbookVariable] },
    annotations: { list: [] },
    links: [
      {
        ...link,
        type: "dashboards",
        icon: "external link",
        title: "Rollcall",
        tags: ["rollcall"],
        includeVars: true,
        keepTime: true,
        targetBlank: false,
      },
    ],
    panels: placePanels(rows),
  };
}

const dataSourceVariable = {
  name: "datasource",
  label: "Prometheus",
  type: "datasource",
  query: "prometheus",
} as const;

/** Where the reader's copy of docs/RUNBOOK.md is. */
const runbookVariable = {
  name: "runbook",
  label: "Address of docs/RUNBOOK.md",
  type: "textbox",
  query: "https://git.example.com/rollcall/docs/RUNBOOK.md",
} as const;

function placePanels(rows: DashboardSpec["rows"]): (Panel | RowPanel)[] {
  const placed: (Panel | RowPanel)[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    const id = placed.length + 1;
    placed.push({
      type: "row",
      id,
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: columns, h: 1 },
      panels: [],
    });
    y += 1;
    let [x, height] = [0, 0];
    for (const spec of panels) {
      const [w, h] = [widths[spec.look], heights[spec.look]];
      if (x + w > columns) [x, y, height] = [0, y + height, 0];
      placed.push({ id: placed.length + 1, gridPos: { x, y, w, h }, ...writePanel(spec) });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return placed;
}
