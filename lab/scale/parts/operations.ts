import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { createPool, type Pool, pruneBulkChanges, pruneEvents, pruneUnknownTombstones } from "@rollcall/db";
import { quarantineDelivery } from "@rollcall/jobs";
import { z } from "zod";
import type { AppProcess } from "../../stage/app-process.ts";
import { callHttp } from "../../stage/http-call.ts";
import { withClient } from "../../stage/postgres.ts";
import { releaseReconcileLeases } from "../../stage/reconcile-leases.ts";
import { repository } from "../../stage/repository.ts";
import { type Stage, startStage } from "../../stage/stage.ts";
import { addMany, openQueues } from "../queues.ts";
import type { Cell } from "../report.ts";
import { startMirrorClerk } from "../rows/mirror-clerk.ts";
import type { ScalePart } from "./part.ts";

const password = "a password of the scale study";
const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

/** A statement that takes longer appears in the table. */
const slowMs = 100;
const answerTimeoutMs = 30_000;
/** Pages of a list. A list without matches is read to here, and not to its end. */
const pages = 5;

/**
 * What operators, timers and full syncs do, by a real api and worker on many rows, with the limits of production. Postgres'
 * log tells which statements were slow, and which were ended by their limit.
 */
export const operationsPart: ScalePart = async ({ services, filled, say, signal }) => {
  const { databaseUrl, users } = await filled();
  const clerk = await startMirrorClerk(databaseUrl, users);
  const stage = await startStage({ services, backend: "postgres", users: 0 });
  const log = await watchStatements(services.cluster.logFile, databaseUrl);
  const rows: Cell[][] = [];
  const measure = async (name: string, work: () => Promise<string | number>) => {
    signal.throwIfAborted();
    say(name);
    const before = await log.position();
    const startedAtMs = performance.now();
    const answer = await work().catch((error: unknown) => String(error).slice(0, 60));
    const ms = performance.now() - startedAtMs;
    const { slow, longestMs, ended } = await log.readSince(before);
    rows.push([name, ms, answer, longestMs, slow, ended]);
  };
  try {
    const environment = { DATABASE_URL: databaseUrl, CLERK_API_URL: clerk.url };
    await measureRuns({ stage, databaseUrl, environment, measure, signal });
    await addDeadLetters(databaseUrl, say);
    const { url } = await stage.startApp("api", { ...environment, ADMIN_PASSWORD: password });
    const [known] = await withClient(
      databaseUrl,
      async (db) =>
        (await db.query("select clerk_id, email from public.users where id = $1", [users / 2])).rows,
    );
    for (const path of listReads(known))
      await measure(`GET ${path}`, () => readPages(`${url}/api/admin${path}`));
    await measure("export of 5 MB", () => readExport(`${url}/api/admin/users/export?format=csv`));
    await measure("preview of a bulk change of all users", () =>
      post(`${url}/api/admin/users/bulk`, { filter: {}, action: { tier: "GOLD" }, preview: true }),
    );
    await measure("purge", () => purge(url, databaseUrl, () => stage.startApp("worker", environment)));
    await measure("doctor", () => runDoctor(databaseUrl));
    await measurePruning(databaseUrl, measure);
    return {
      tables: [
        {
          title: `Operations over ${users} users`,
          columns: [
            "",
            "ms",
            "answer",
            "longest statement, ms",
            `statements over ${slowMs} ms`,
            "ended by a limit",
          ],
          rows,
          notes: ["A statement of an api may take 1.5 s, one of a worker 10 s, and a count there 120 s."],
        },
      ],
    };
  } finally {
    await stage.close();
    await clerk.close();
  }
};

type Measure = (name: string, work: () => Promise<string | number>) => Promise<void>;

const runs = "select mode, state, pages, reason from rollcall.runs where not dry_run order by id";

const runRow = z.object({
  mode: z.string(),
  state: z.string(),
  pages: z.number(),
  reason: z.string().nullable(),
});

/** Pages of a full sync before its worker is killed, and as many again behind its place. */
const pagesOfRun = 200;
const runTimeoutMs = 600_000;

type Runs = {
  stage: Stage;
  databaseUrl: string;
  environment: Record<string, string>;
  measure: Measure;
  signal: AbortSignal;
};

/** A first boot's full sync of rows that equal Clerk, until an incremental sync has counted the users. Then it goes on. */
async function measureRuns({ stage, databaseUrl, environment, measure, signal }: Runs): Promise<void> {
  await releaseReconcileLeases(databaseUrl);
  const readPagesOf = (found: readonly z.infer<typeof runRow>[]) =>
    found.findLast(({ mode }) => mode === "full")?.pages ?? 0;
  const readRuns = () =>
    withClient(databaseUrl, async (db) => z.array(runRow).parse((await db.query(runs)).rows));
  for (const name of ["a full sync, and incremental syncs", "the full sync goes on"]) {
    await measure(name, async () => {
      const before = readPagesOf(await readRuns());
      const worker = await stage.startApp("worker", { ...environment, RECONCILE_CATCHUP_EVERY_MS: "10000" });
      const endsAtMs = Date.now() + runTimeoutMs;
      for (;;) {
        const found = await readRuns();
        const isCounted = found.some(({ mode, state }) => mode === "catch-up" && state === "succeeded");
        const isFar = readPagesOf(found) >= before + pagesOfRun;
        if ((isFar && isCounted) || Date.now() > endsAtMs || signal.aborted) break;
        await sleep(200);
      }
      process.kill(worker.pid, "SIGKILL");
      await worker.stop();
      const found = await readRuns();
      return found.map(({ mode, state, pages, reason }) => [mode, state, pages, reason].join(" ")).join("; ");
    });
  }
}

function listReads(known: { clerk_id: string; email: string }): string[] {
  const q = (text: string) => encodeURIComponent(text);
  return [
    "/status",
    "/overview",
    "/columns",
    "/users",
    `/users?query=${q(known.clerk_id)}`,
    `/users?query=${q(known.clerk_id.slice(3, -3))}`,
    `/users?query=${q(known.email)}`,
    `/users?query=${q(known.email.slice(0, -7))}`,
    "/users?query=ana%20oliveira",
    "/users?query=zzzz",
    "/users?state=banned",
    "/users?state=deleted",
    "/users?withoutProfile=true",
    "/users?role=admin",
    "/users?tier=GOLD",
    "/users?turma=prata",
    "/users?drifted=true",
    `/users?signedUpFrom=${new Date(Date.now() - 86_400_000).toISOString()}`,
    `/users?signedUpTo=2000-01-01T00:00:00Z&query=zzzz`,
    `/users/${known.clerk_id}`,
    "/activity",
    "/activity?kind=user_tombstoned",
    "/activity?cause=webhook",
    `/activity?clerkId=${known.clerk_id}`,
    "/activity?ref=msg_none",
    "/audit",
    "/audit?by=unknown",
    "/audit?kind=tier_changed",
    "/growth?days=366",
    "/growth/hours",
    "/alerts",
    "/alerts/history",
    "/runs",
    "/schedules",
    "/conflicts",
    "/dead-letters",
    "/dead-letters?code=user.rejected",
    "/dead-letters/codes",
    "/bulk",
  ];
}

const list = z.object({ items: z.array(z.unknown()), nextCursor: z.string().nullable() }).partial();

/** Reads a list, page by page. @returns the slowest page, and the number of entries */
async function readPages(url: string): Promise<string> {
  let cursor: string | null | undefined;
  let found = 0;
  const took: number[] = [];
  for (let page = 0; page < pages; page++) {
    const startedAtMs = performance.now();
    const next = cursor ? `${url}${url.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : url;
    const { status, text } = await callHttp(next, { headers: { authorization }, timeoutMs: answerTimeoutMs });
    took.push(performance.now() - startedAtMs);
    if (status !== 200) return `${status} ${text.slice(0, 80)}`;
    const { items, nextCursor } = list.parse(JSON.parse(text));
    found += items?.length ?? 0;
    cursor = nextCursor;
    if (!cursor) break;
  }
  return `200, ${found} in ${took.length} pages, slowest ${Math.round(Math.max(...took))} ms`;
}

async function post(url: string, body: object): Promise<string> {
  const headers = { authorization, "content-type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify(body), timeoutMs: answerTimeoutMs };
  const { status, text } = await callHttp(url, request);
  return `${status} ${text.slice(0, 80)}`;
}

const deadLetters = 20_000;

/** Signed deliveries that could not be read, each with a body of its own. */
async function addDeadLetters(databaseUrl: string, say: (line: string) => void): Promise<void> {
  say(`${deadLetters} dead letters`);
  const queues = openQueues({ kind: "postgres", databaseUrl });
  try {
    const { producer, deadlineMs } = await queues.open("dead-letter");
    await addMany(0, deadLetters, (number) => {
      const sha256 = createHash("sha256").update(String(number)).digest("hex");
      const delivery = { svixId: `msg_${number}`, type: "user.updated", sizeBytes: 1_000, sha256 };
      return quarantineDelivery(producer, delivery, deadlineMs);
    });
  } finally {
    await queues.close();
  }
}

const tombstone = `
update public.users set deleted_at = now(), email = null, email_verified = false, name = null, image_url = null
where id = 1 returning clerk_id
`;

/** Purges a deleted user of the middle, by a worker. */
async function purge(
  url: string,
  databaseUrl: string,
  startWorker: () => Promise<AppProcess>,
): Promise<string> {
  const clerkId = await withClient(databaseUrl, async (db) => (await db.query(tombstone)).rows[0]?.clerk_id);
  const worker = await startWorker();
  try {
    return await post(`${url}/api/admin/users/${clerkId}/purge`, {});
  } finally {
    process.kill(worker.pid, "SIGKILL");
    await worker.stop();
  }
}

/** Its findings about Postgres. It ends with 1, because most of the setup is missing here. */
async function runDoctor(databaseUrl: string): Promise<string> {
  const file = `${repository}apps/cli/dist/main.js`;
  const env = { PATH: process.env["PATH"] ?? "", DATABASE_URL: databaseUrl };
  const output = await promisify(execFile)(process.execPath, [file, "doctor"], { env }).catch(
    (error: { stdout?: string }) => error,
  );
  const lines = (output.stdout ?? "").split("\n").filter((line) => line.includes("postgres."));
  return `${lines.length} findings about Postgres`;
}

const exportBytes = 5 * 1_024 ** 2;

async function readExport(url: string): Promise<string> {
  const answer = await fetch(url, { headers: { authorization } });
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > exportBytes) break;
  }
  return `${answer.status}, ${bytes} bytes`;
}

/** The turns of the worker's pruning, as its pool allows them. Events are due after no day at all. */
async function measurePruning(databaseUrl: string, measure: Measure): Promise<void> {
  const pool = createPool({ databaseUrl, applicationName: "pruning", onIdleError: () => undefined });
  const prunings: Record<string, (pool: Pool) => Promise<unknown>> = {
    "prune events that are due": async (db) => {
      let after: Date | null = null;
      for (let turn = 0; turn < 20; turn++) after = (await pruneEvents(db, { after, days: 0 })).upTo;
    },
    "prune events, none is due": (db) => pruneEvents(db),
    "prune unknown tombstones": pruneUnknownTombstones,
    "prune bulk changes": pruneBulkChanges,
  };
  try {
    for (const [name, prune] of Object.entries(prunings))
      await measure(name, async () => {
        await prune(pool);
        return "done";
      });
  } finally {
    await pool.end();
  }
}

type StatementLog = {
  position(): Promise<number>;
  /** The slow statements of our processes since a position, the longest one, and how many a limit ended. */
  readSince(position: number): Promise<{ slow: number; longestMs: number; ended: number }>;
};

const settleMs = 100;

async function watchStatements(logFile: string, databaseUrl: string): Promise<StatementLog> {
  const database = new URL(databaseUrl).pathname.slice(1);
  await withClient(databaseUrl, (db) =>
    db.query(`alter database ${database} set log_min_duration_statement = ${slowMs}`),
  );
  const read = async (from: number) => {
    const file = await open(logFile);
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(size - from);
      await file.read(buffer, 0, buffer.length, from);
      return { size, text: buffer.toString("utf8") };
    } finally {
      await file.close();
    }
  };
  return {
    position: async () => (await read(0)).size,
    readSince: async (position) => {
      // A statement is logged after its answer.
      await sleep(settleMs);
      const { text } = await read(position);
      const lines = text.split("\n").filter((line) => !/ (mirror|chaos) \| /.test(line));
      const took = lines.flatMap((line) => Number(/duration: ([\d.]+) ms/.exec(line)?.[1] ?? []) || []);
      const ended = lines.filter((line) => line.includes(" 57014 ")).length;
      return { slow: took.length, longestMs: Math.max(0, ...took), ended };
    },
  };
}
