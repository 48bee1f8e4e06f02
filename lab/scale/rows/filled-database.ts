import type { Services } from "../../bench/stage/services.ts";
import { fillByFullSync } from "./fill-by-full-sync.ts";
import { fillBySeries } from "./fill-by-series.ts";

/** How rows come to be: written by a worker's first sweep over Clerk, or by one statement for each table. */
export const fills = ["sweep", "series"] as const;

export type Fill = (typeof fills)[number];

/** A database of ours with many users in it. */
export type FilledDatabase = { databaseUrl: string; users: number; fill: Fill; seconds: number };

export type FillOptions = { services: Services; users: number; fill: Fill; say: (line: string) => void };

/** Analysed and vacuumed, as autovacuum would leave it. */
export async function fillDatabase({ services, users, fill, say }: FillOptions): Promise<FilledDatabase> {
  say(`Filling a database with ${users} users, by ${fill}`);
  const filled = await (fill === "sweep" ? fillByFullSync(services, users) : fillBySeries(services, users));
  say(`Filled in ${Math.round(filled.seconds)} s`);
  return { users, fill, ...filled };
}
