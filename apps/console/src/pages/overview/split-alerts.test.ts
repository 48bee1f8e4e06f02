import type { Problem } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { splitAlerts } from "./split-alerts.ts";

const problem = (code: Problem["code"], params: Problem["params"] = {}): Problem => ({
  code,
  count: 1,
  params,
  helps: { page: null, command: null },
});

test("each firing alert is a line, unless another line says the same", () => {
  const problems = [
    problem("dead_letters"),
    problem("alerts_firing", { names: ["dead_letters", "creation_failures", "failed_syncs"] }),
  ];
  expect(splitAlerts(problems).map(({ code, params }) => [code, params["names"]])).toEqual([
    ["dead_letters", undefined],
    ["alerts_firing", "creation_failures"],
    ["alerts_firing", "failed_syncs"],
  ]);
});
