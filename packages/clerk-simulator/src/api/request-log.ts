import { z } from "zod";

/** One request to the Backend API; `status` is null when the request was never answered. */
export type LoggedRequest = {
  sequence: number;
  atMs: number;
  method: string;
  /** Without the query. */
  path: string;
  query: string;
  status: number | null;
  /** The `Clerk-API-Version` header. */
  apiVersion: string | null;
  /** The kind of fault that hit the request. */
  fault: string | null;
};

export const requestFilterSchema = z.object({
  path: z.string().optional(),
  status: z.number().int().optional(),
  /** Only entries with a higher sequence number. */
  after: z.number().int().optional(),
});
export type RequestFilter = z.input<typeof requestFilterSchema>;

export type RequestTotals = { total: number; byStatus: Record<string, number> };

export type RequestLog = {
  begin(request: Pick<LoggedRequest, "method" | "path" | "query" | "apiVersion">): LoggedRequest;
  finish(entry: LoggedRequest, status: number | null): void;
  list(filter?: RequestFilter): LoggedRequest[];
  /** Since the start or the last `clear`, including dropped entries. */
  totals(): RequestTotals;
  clear(): void;
};

const keptRequests = 20_000;

/** The latest requests. Older ones are dropped, so that a long run does not fill the memory. */
export function createRequestLog(now: () => number): RequestLog {
  let entries: LoggedRequest[] = [];
  let byStatus: Record<string, number> = {};
  let total = 0;
  let sequence = 0;

  function begin(request: Pick<LoggedRequest, "method" | "path" | "query" | "apiVersion">): LoggedRequest {
    const entry = { sequence: ++sequence, atMs: now(), ...request, status: null, fault: null };
    total++;
    entries.push(entry);
    if (entries.length >= 2 * keptRequests) entries = entries.slice(-keptRequests);
    return entry;
  }

  function finish(entry: LoggedRequest, status: number | null): void {
    entry.status = status;
    const key = String(status ?? "none");
    byStatus[key] = (byStatus[key] ?? 0) + 1;
  }

  function list({ path, status, after = 0 }: RequestFilter = {}): LoggedRequest[] {
    return entries
      .filter((entry) => entry.sequence > after)
      .filter((entry) => path === undefined || entry.path === path)
      .filter((entry) => status === undefined || entry.status === status)
      .map((entry) => ({ ...entry }));
  }

  return {
    begin,
    finish,
    list,
    totals: () => ({ total, byStatus: { ...byStatus } }),
    clear() {
      entries = [];
      byStatus = {};
      total = 0;
    },
  };
}
