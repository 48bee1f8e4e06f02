import { type AlertView, alertRules } from "@rollcall/contracts";
import { readAlerts } from "@rollcall/db";
import { viewAlerts } from "@rollcall/observability";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { table } from "../table.ts";

export const alerts: Command = {
  synopsis: "alerts",
  summary: "every alert as it is now; those that fire come first",
  run: async ({ words, json }, open) => {
    if (words.length > 0) throw new UsageError("alerts takes no words after it.");
    const names = alertRules.map(({ name }) => name);
    const items = viewAlerts(alertRules, await readAlerts(open().context.pool, names));
    if (json) printJson({ items });
    else printLines(print(items));
    return exitCodes.done;
  },
};

const order: readonly AlertView["state"][] = ["firing", "pending", "unknown", "ok"];

function print(items: readonly AlertView[]): string[] {
  const sorted = [...items].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const firing = sorted.filter(({ state }) => state === "firing");
  return [
    ...(items.every(({ state }) => state === "unknown")
      ? ["Nobody has judged the alerts yet: api or worker must run."]
      : []),
    ...firing.map(({ name, summary }) => `${summary} See docs/RUNBOOK.md#${name}`),
    ...table(sorted.map(({ name, state, since }) => [state, name, since === null ? "" : `since ${since}`])),
  ];
}
