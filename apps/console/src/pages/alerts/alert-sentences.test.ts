import { type AlertRule, alertRules } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { alertFacts } from "./alert-facts.ts";
import { alertSentences } from "./alert-sentences.ts";

const rules: readonly AlertRule[] = alertRules;

test.each(["en", "pt-BR"] as const)("each alert has its sentences (%s)", (language) => {
  expect(Object.keys(alertSentences[language])).toEqual(rules.map(({ name }) => name));
});

test("the value of a share and of a duration has its unit", () => {
  const units = { share: "share", mean: "seconds", quantile: "seconds" } as const;
  const wrong = rules.flatMap(({ name, when: { kind } }) =>
    kind in units && alertFacts(name).unit !== units[kind as keyof typeof units] ? [name] : [],
  );
  expect(wrong).toEqual([]);
});
