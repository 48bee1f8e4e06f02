import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { listOpsFiles } from "../../build/ops/list-ops-files.ts";
import { hasPromtool, orSkipped, runPromtool } from "./promtool.ts";
import { readText } from "./tree.ts";

test.each([...listOpsFiles()])("%s is what npm run ops writes", (path, text) => {
  expect(readText(path)).toBe(text);
});

test.skipIf(!hasPromtool)(`promtool accepts ops/prometheus.yml with its rules${orSkipped}`, () => {
  const path = fileURLToPath(new URL("../../ops/prometheus.yml", import.meta.url));
  expect(runPromtool("check", "config", path)).toEqual({
    status: 0,
    output: expect.stringMatching(/1 rule files found[\s\S]*rules found/),
  });
});

const parts = z.record(z.string(), z.unknown());
const pipeline = z.strictObject({
  receivers: z.array(z.string()),
  processors: z.array(z.string()),
  exporters: z.array(z.string()),
});

test("ops/otel-collector.yml uses each part that it defines, and no other", () => {
  const { service, ...defined } = z
    .strictObject({
      receivers: parts,
      processors: parts,
      exporters: parts,
      service: z.strictObject({ pipelines: z.record(z.enum(["metrics", "traces", "logs"]), pipeline) }),
    })
    .parse(parse(readText("ops/otel-collector.yml")));
  const pipelines = Object.values(service.pipelines);
  for (const kind of ["receivers", "processors", "exporters"] as const) {
    const used = pipelines.flatMap((one) => one[kind]);
    expect([...new Set(used)].sort()).toEqual(Object.keys(defined[kind]).sort());
  }
});
