import { expect, test } from "vitest";
import { forecastBacklog } from "./backlog.ts";

test("seventy of a hundred bytes are for what waits", () => {
  const { jobsPerGb, minutes } = forecastBacklog({ bytesPerJob: 1_024, addedPerSecond: 1_000 });
  expect(jobsPerGb).toBe(734_003);
  expect(minutes).toBeCloseTo(12.233, 3);
});
