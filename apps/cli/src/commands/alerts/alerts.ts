import { type AlertView, alertRules } from "@rollcall/contracts";
import { readAlerts } from "@rollcall/db";
import { viewAlerts } from "@rollcall/observability";
import { type Cli, jsonOption } from "../../cli.ts";
import { formatTable } from "../../print.ts";

export function addAlerts({ program, open, print }: Cli, group: string): void {
  program
    .command("alerts")
    .helpGroup(group)
    .addOption(jsonOption)
    .description("list every alert with its state; firing alerts come first")
    .action(async () => {
      const names = alertRules.map(({ name }) => name);
      const items = viewAlerts(alertRules, await readAlerts(open().services.pool, names));
      print({ items }, () => describe(items));
    });
}

const order: readonly AlertView["state"][] = ["firing", "pending", "unknown", "ok"];

function describe(items: readonly AlertView[]): string[] {
  const sorted = [...items].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const firing = sorted.filter(({ state }) => state === "firing");
  return [
    ...(items.every(({ state }) => state === "unknown")
      ? ["No process has evaluated the alerts yet: an api or a worker must run."]
      : []),
    ...firing.map(({ name, summary }) => `${summary} See docs/RUNBOOK.md#${name}`),
    ...formatTable(
      sorted.map(({ name, state, since }) => [state, name, since === null ? "" : `since ${since}`]),
    ),
  ];
}
