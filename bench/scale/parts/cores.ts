import { measureAccept } from "../measure/accept-cost.ts";
import type { CpuSplit } from "../measure/cpu-split.ts";
import { measureWork, type Work } from "../measure/work-cost.ts";
import type { Cell } from "../report/part-report.ts";
import type { ScalePart } from "./part.ts";

const accept = { webhooks: 20_000, warmUp: 5_000 };
const work = { nudges: 10_000, warmUp: 3_000 };
const perSecond = 5_000;

const works: readonly (Work & { what: string })[] = [
  { what: "a look at a new user", kind: "look", who: "new", workers: 1, clerkMs: 0 },
  { what: "a look at a known one", kind: "look", who: "known", workers: 1, clerkMs: 0 },
  { what: "a login of a known one", kind: "login", who: "known", workers: 1, clerkMs: 0 },
  { what: "a look at a new user, Clerk in 200 ms", kind: "look", who: "new", workers: 1, clerkMs: 200 },
  { what: "the same, 2 workers", kind: "look", who: "new", workers: 2, clerkMs: 200 },
];

/** Whose CPU time a webhook takes until it is accepted, and its nudge until rows are committed. */
export const coresPart: ScalePart = async ({ services, signal, say }) => {
  const accepted = await measureAccept(services, accept);
  const rows = [toRow("a webhook is accepted", accepted, accept.webhooks, null)];
  for (const { what, ...one } of works) {
    signal.throwIfAborted();
    say(`${work.nudges} nudges: ${what}`);
    const { requests, ...split } = await measureWork(services, one, work);
    rows.push(toRow(what, split, work.nudges, requests));
  }
  return {
    tables: [
      {
        title: `CPU time of each part, ${accept.webhooks} webhooks and ${work.nudges} nudges`,
        columns: [
          "",
          "µs ours",
          "µs Redis",
          "µs Postgres",
          "per s",
          "requests to Clerk",
          `cores at ${perSecond}/s`,
        ],
        rows,
        notes: [
          "Each, of one webhook or nudge. Ours: the api, or the workers. Cores: of all three. Rates are of this machine, which",
          "runs the simulator too; with Clerk in 200 ms it is waiting that bounds them.",
        ],
      },
    ],
  };
};

function toRow(
  what: string,
  { oursUs, redisUs, postgresUs, wallMs }: CpuSplit,
  count: number,
  requests: number | null,
): Cell[] {
  const eachUs = (oursUs + redisUs + postgresUs) / count;
  return [
    what,
    oursUs / count,
    redisUs / count,
    postgresUs / count,
    count / (wallMs / 1_000),
    requests === null ? null : requests / count,
    (eachUs * perSecond) / 1e6,
  ];
}
