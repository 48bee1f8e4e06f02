import { openServices } from "../bench/stage/services.ts";
import type { ScalePart, Study } from "./parts/part.ts";
import { type PartName, parts } from "./parts/parts.ts";
import type { PartReport } from "./report/part-report.ts";
import { type Fill, type FilledDatabase, fillDatabase } from "./rows/filled-database.ts";

export type ScaleOptions = {
  names: readonly PartName[];
  users: number;
  fill: Fill;
  redisBinary: string;
  signal: AbortSignal;
  say: (line: string) => void;
};

/** Runs part after part. What was started is ended, and its files removed, also when a part breaks. */
export async function runScale({
  names,
  users,
  fill,
  redisBinary,
  signal,
  say,
}: ScaleOptions): Promise<PartReport[]> {
  const services = await openServices(redisBinary);
  try {
    let filled: Promise<FilledDatabase> | undefined;
    const study: Study = {
      services,
      users,
      signal,
      say,
      filled: () => {
        filled ??= fillDatabase({ services, users, fill, say });
        return filled;
      },
    };
    const reports: PartReport[] = [];
    for (const name of listInOrder(names)) {
      signal.throwIfAborted();
      const startedAtMs = Date.now();
      const part: ScalePart = parts[name];
      reports.push({ part: name, ...(await part(study)) });
      say(`${name} took ${Math.round((Date.now() - startedAtMs) / 1_000)} s`);
    }
    return reports;
  } finally {
    await services.close();
  }
}

function listInOrder(wanted: readonly PartName[]): PartName[] {
  // As in main.ts: this object has no more keys than its type says.
  return (Object.keys(parts) as PartName[]).filter((name) => wanted.includes(name));
}
