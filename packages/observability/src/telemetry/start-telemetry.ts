import type { MetricProcess } from "@rollcall/contracts";
import { readTelemetrySettings } from "./settings.ts";
import type { Telemetry } from "./telemetry.ts";

/**
 * Starts OpenTelemetry if its variables name a collector. Otherwise no module of OpenTelemetry is loaded.
 *
 * @param environment of the process, which the SDK also reads by itself
 */
export async function startTelemetry(
  environment: Readonly<Record<string, string | undefined>>,
  process: MetricProcess,
): Promise<Telemetry | undefined> {
  const settings = readTelemetrySettings(environment);
  if (!settings) return undefined;
  const { openTelemetry } = await import("./open-telemetry.ts");
  return openTelemetry(settings, process);
}
