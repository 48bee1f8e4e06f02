import { toPostgresError } from "@rollcall/db";
import { createMetrics } from "@rollcall/observability";
import { expect, test } from "vitest";
import { countPostgresError } from "./count-postgres-error.ts";

async function countedAfter(errors: readonly unknown[]): Promise<readonly unknown[]> {
  const metrics = createMetrics("worker");
  for (const error of errors) countPostgresError(metrics, error);
  return (await metrics.readTotals())
    .filter(({ metric }) => metric === "rollcall_postgres_errors_total")
    .map(({ labels, value }) => [labels["code"], value]);
}

function failureOf(code: string): unknown {
  return toPostgresError(Object.assign(new Error("no"), { code, severity: "ERROR" }));
}

test("an outage counts by its SQLSTATE, and as connection when no server answered", async () => {
  const refused = toPostgresError(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));
  expect(await countedAfter([failureOf("42P01"), failureOf("57P01"), failureOf("57P01"), refused])).toEqual([
    ["42P01", 1],
    ["57P01", 2],
    ["connection", 1],
  ]);
});

test("a refused row of one user does not count, for any cause of the refusal", async () => {
  const refusals = ["22021", "23505", "55P03", "P0001"].map(failureOf);
  expect(await countedAfter([...refusals, new TypeError("ours")])).toEqual([]);
});
