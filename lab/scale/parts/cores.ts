import { measureAccept } from "../measure/accept-cost.ts";
import type { CpuSplit } from "../measure/cpu-split.ts";
import { measureWork, type Work } from "../measure/work-cost.ts";
import type { Cell } from "../report/part-report.ts";
import type { ScalePart } from "./part.ts";

const accept = { webhooks: 20_000, warmUp: 5_000 };
const work = { syncJobs: 10_000, warmUp: 3_000 };
const perSecond = 5_000;

const works: readonly (Work & { what: string })[] = [
  { what: "a look at a new user", kind: "refresh", who: "new", workers: 1, clerkMs: 0 },
  { what: "a look at a known one", kind: "refresh", who: "known", workers: 1, clerkMs: 0 },
  { what: "a login of a known one", kind: "provision", who: "known", workers: 1, clerkMs: 0 },
  { what: "a look at a new user, Clerk in 200 ms", kind: "refresh", who: "new", workers: 1, clerkMs: 200 },
  { what: "the same, 2 workers", kind: "refresh", who: "new", workers: 2, clerkMs: 200 },
];

/** Whose CPU time a webhook takes until it is accepted, and its sync job until rows are committed. */
export const coresPart: ScalePart = async ({ services, signal, say }) => {
  const measured: Cost[] = [
    {
      what: "a webhook is accepted",
      count: accept.webhooks,
      requests: 0,
      ...(await measureAccept(services, accept)),
    },
  ];
  for (const { what, ...one } of works) {
    signal.throwIfAborted();
    say(`${work.syncJobs} syncJobs: ${what}`);
    measured.push({ what, count: work.syncJobs, ...(await measureWork(services, one, work)) });
  }
  return {
    tables: [
      {
        title: `CPU time of one, over ${accept.webhooks} webhooks and ${work.syncJobs} syncJobs`,
        columns: ["", "µs ours", "µs Redis", "µs Postgres", "per s"],
        rows: measured.map((cost) => [cost.what, ...cpuOf(cost, 1), cost.count / (cost.wallMs / 1_000)]),
        notes: [
          "Ours: the api, or the workers. Rates are of this machine, which runs the simulator too; with Clerk in 200 ms",
          "it is waiting that bounds them.",
        ],
      },
      {
        title: `Cores at ${perSecond} a second`,
        columns: ["", "ours", "Redis", "Postgres", "requests to Clerk a second"],
        rows: measured.map((cost) => [
          cost.what,
          ...cpuOf(cost, perSecond / 1e6),
          (perSecond * cost.requests) / cost.count,
        ]),
        notes: [
          "Redis runs commands on one core, whatever it has. Clerk takes 100 requests a second in production.",
        ],
      },
    ],
  };
};

type Cost = CpuSplit & { what: string; count: number; requests: number };

/** CPU time of ours, Redis and Postgres, of one operation times `factor`. */
function cpuOf({ oursUs, redisUs, postgresUs, count }: Cost, factor: number): Cell[] {
  return [oursUs, redisUs, postgresUs].map((us) => (us / count) * factor);
}
