import { openServices } from "../stage/services.ts";
import type { ScalePart, Study } from "./parts/part.ts";
import { type PartName, parts } from "./parts/parts.ts";
import type { PartReport } from "./report.ts";
import { type Fill, type FilledDatabase, fillDatabase } from "./rows/fill-database.ts";

export type ScaleOptions = {
  names: readonly PartName[];
  users: number;
  fill: Fill;
  redisBinary: string;
  signal: AbortSignal;
  say: (line: string) => void;
};

/** Runs part after part. All processes are stopped and all files removed, also after a failure. */
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
  // As in main.ts, this object has no further keys.
  return (Object.keys(parts) as PartName[]).filter((name) => wanted.includes(name));
}
