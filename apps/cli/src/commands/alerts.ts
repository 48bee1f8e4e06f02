import { type AlertView, alertRules } from "@rollcall/contracts";
import { readAlerts } from "@rollcall/db";
import { askPostgres, viewAlerts } from "@rollcall/sync";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";

export const alerts: Command = {
  synopsis: "alerts",
  summary: "every alert as it is now; those that fire come first",
  run: async ({ words, json }, open) => {
    if (words.length > 0) throw new UsageError("alerts takes no words after it.");
    const names = alertRules.map(({ name }) => name);
    const items = viewAlerts(alertRules, await askPostgres(readAlerts(open().context.pool, names)));
    process.stdout.write(json ? `${JSON.stringify({ items }, null, 2)}\n` : print(items));
    return exitCodes.done;
  },
};

const order: readonly AlertView["state"][] = ["firing", "pending", "unknown", "ok"];

function print(items: readonly AlertView[]): string {
  const width = Math.max(...items.map(({ name }) => name.length));
  const sorted = [...items].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const lines = sorted.flatMap(({ name, state, since, summary }) => [
    `  ${state.padEnd("pending".length)}  ${name.padEnd(width)}  ${since === null ? "" : `since ${since}`}`.trimEnd(),
    ...(state === "firing" ? [`           ${summary} See docs/RUNBOOK.md#${name}`] : []),
  ]);
  const unjudged = items.every(({ state }) => state === "unknown");
  return [
    ...(unjudged ? ["Nobody has judged the alerts yet: api or worker must run."] : []),
    ...lines,
    "",
  ].join("\n");
}
