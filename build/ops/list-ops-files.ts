import { alertRules } from "@rollcall/contracts";
import { objectives } from "./objectives.ts";
import { writePrometheusRules } from "./prometheus-rules.ts";

/** The files that are made from the tables of contracts: their text by their path from the root of the repository. */
export function listOpsFiles(): ReadonlyMap<string, string> {
  return new Map([["ops/prometheus-rules.yml", writePrometheusRules(alertRules, objectives)]]);
}
