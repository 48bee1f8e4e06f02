import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { exportQuery, isOutage, type UserEntry } from "@rollcall/contracts";
import { readPage, readWish, recordAdminEvents, type UserWish } from "@rollcall/db";
import { countPostgresError } from "@rollcall/sync";
import type { FastifyReply } from "fastify";
import type { ApiContext } from "../context.ts";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

type Format = "csv" | "json";

const types = { csv: "text/csv; charset=utf-8", json: "application/json; charset=utf-8" } as const;

export const exportRoute: AdminRoute = defineRoute({
  method: "GET",
  path: "/users/export",
  role: "viewer",
  summary: "All users that match the filters of the list, as CSV or JSON. The timeline records the number.",
  query: exportQuery,
  run: async (context, { query: { format, ...filter } }, { operator }, reply) => {
    const wish = await readWish(context.pool, filter);
    // Before the first row leaves: an export that dies in the middle is recorded too.
    await record(context, operator.name, "users_export_started", { format });
    reply.type(types[format]).header("content-disposition", `attachment; filename="users.${format}"`);
    return startStream(context, reply, { wish, format, by: operator.name });
  },
});

const pageSize = 500;

type Export = { wish: UserWish; format: Format; by: string };

/** Reads a page when the caller has taken the one before, so memory stays the same at any number of users. */
function startStream(context: ApiContext, reply: FastifyReply, { wish, format, by }: Export): Readable {
  let count = 0;
  let outcome: "whole" | "aborted" | "failed" = "aborted";

  async function* write(): AsyncGenerator<string> {
    try {
      yield writers[format].begin(wish);
      for await (const items of readPages(context, wish)) {
        yield writers[format].rows(wish, items, count);
        count += items.length;
      }
      yield writers[format].end;
      outcome = "whole";
    } catch (error) {
      outcome = "failed";
      countPostgresError(context.metrics, error);
      context.log.warn({ event: "users_exported", by, err: error }, "An export broke off");
      throw error;
    } finally {
      await end();
    }
  }

  /** The rows that were read may have left, so they count. */
  async function end(): Promise<void> {
    context.metrics.count("rollcall_exported_users_total", { format, outcome }, count);
    context.log.info({ event: "users_exported", count, outcome, by }, "Users were exported");
    await retryInOutage(() => record(context, by, "users_exported", { format, count, outcome })).catch(
      (error: unknown) =>
        context.log.error({ event: "users_exported", count, by, err: error }, "An export was not recorded"),
    );
  }

  const stream = Readable.from(write(), { objectMode: false });
  reply.raw.once("close", () => stream.destroy());
  return stream;
}

function record(
  { pool }: ApiContext,
  by: string,
  kind: string,
  details: Record<string, string | number>,
): Promise<void> {
  return recordAdminEvents(pool, by, [{ clerkId: null, kind, details }]);
}

async function* readPages({ pool }: ApiContext, wish: UserWish): AsyncGenerator<UserEntry[]> {
  let cursor: string | undefined;
  do {
    const page = await retryInOutage(() => readPage(pool, wish, { cursor, limit: pageSize }));
    if (page.items.length > 0) yield page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

const mostAttempts = 10;
const retryMs = 1_000;

/** An answer that has begun cannot become a 503 any more, so it waits while Postgres is replaced. */
async function retryInOutage<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === mostAttempts || !isOutage(error)) throw error;
      await sleep(retryMs);
    }
  }
}

type Writer = {
  begin(wish: UserWish): string;
  rows(wish: UserWish, items: readonly UserEntry[], before: number): string;
  end: string;
};

const writers: Record<Format, Writer> = {
  // A list of the API with one page, so that a program reads both alike.
  json: {
    begin: () => '{"items":[',
    rows: (_wish, items, before) =>
      (before === 0 ? "" : ",") + items.map((item) => JSON.stringify(item)).join(","),
    end: '],"nextCursor":null}\n',
  },
  csv: {
    begin: (wish) =>
      writeLine([...keysOfUser(wish), ...keysOfProfile(wish).map((key) => `${nameOf(wish)}.${key}`)]),
    rows: (wish, items) => items.map((item) => writeLine(readCells(wish, item))).join(""),
    end: "",
  },
};

const nameOf = ({ columns }: UserWish) => columns.profile?.name;
const keysOfUser = ({ columns }: UserWish) => columns.users.map(({ key }) => key);
const keysOfProfile = ({ columns }: UserWish) => columns.profile?.columns.map(({ key }) => key) ?? [];

function readCells(wish: UserWish, { columns, profile, mentoradoId, ...entry }: UserEntry): unknown[] {
  const ofUser: Record<string, unknown> = { ...columns, ...entry };
  const ofProfile: Record<string, unknown> = { ...profile, id: mentoradoId };
  return [...keysOfUser(wish).map((key) => ofUser[key]), ...keysOfProfile(wish).map((key) => ofProfile[key])];
}

const writeLine = (cells: readonly unknown[]) => `${cells.map(writeCell).join(",")}\r\n`;

/** A spreadsheet runs a text that begins like this, also behind spaces and in full width. */
const formula = /^([\s\p{Cf}]*[=+\-@＝＋－＠]|[\t\r\n])/u;

/** A cell by RFC 4180. An apostrophe keeps a spreadsheet from running a text as a formula. */
function writeCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
