import { level, levelSum, perSecond } from "../promql.ts";
import type { DashboardSpec } from "./dashboard.ts";

export const queues: DashboardSpec = {
  name: "queues",
  title: "queues",
  description: "What waits, for how long, and what failed for good.",
  rows: [
    {
      title: "Now",
      panels: [
        {
          title: "Workers alive",
          unit: "short",
          look: "number",
          help: "As many as you run. 0: nothing is worked on; start a worker.",
          runbook: "no_worker",
          queries: [{ expr: level("rollcall_workers"), legend: "workers" }],
          red: { below: 1 },
        },
        {
          title: "Oldest unfinished job",
          unit: "s",
          look: "number",
          help: "Below a second is usual. Above 60 s users wait: an outage, a paused queue, or too few workers.",
          runbook: "queue_stalled",
          queries: [
            {
              expr: level("rollcall_queue_oldest_unfinished_seconds", { by: ["queue"] }),
              legend: "{{queue}}",
            },
          ],
          red: { from: 60 },
        },
        {
          title: "Dead letters",
          unit: "short",
          look: "number",
          help: "0 is good. Fix the cause that their code names, then replay them.",
          runbook: "dead_letters",
          queries: [{ expr: levelSum("rollcall_dead_letters"), legend: "dead letters" }],
          red: { from: 1 },
        },
        {
          title: "Memory of the queues' Redis",
          unit: "percentunit",
          look: "number",
          help: "From 70 % on, new jobs are refused. 0 without a limit, and with queues on Postgres.",
          runbook: "queue_memory",
          queries: [{ expr: level("rollcall_queue_memory_ratio"), legend: "memory" }],
          red: { from: 0.7 },
        },
      ],
    },
    {
      title: "Over time",
      panels: [
        {
          title: "Jobs that wait or run",
          unit: "short",
          look: "lines",
          help: "Peaks that fall again are good. A line that only rises: workers do not keep up, or an outage pauses the queue.",
          runbook: "queue_stalled",
          queries: [
            {
              expr: level("rollcall_queue_jobs", {
                where: { state: "waiting|active|delayed" },
                by: ["queue", "state"],
              }),
              legend: "{{queue}} {{state}}",
            },
          ],
        },
        {
          title: "Age of the oldest unfinished job",
          unit: "s",
          look: "lines",
          help: "Tells more than the number of jobs: an age that rises with the clock means that nothing finishes.",
          runbook: "queue_stalled",
          queries: [
            {
              expr: level("rollcall_queue_oldest_unfinished_seconds", { by: ["queue"] }),
              legend: "{{queue}}",
            },
          ],
        },
        {
          title: "Sync jobs finished",
          unit: "ops",
          look: "lines",
          help: "While jobs wait, this is what the workers can do. If it is low, look at Clerk's and Postgres' panels on Sync.",
          runbook: "creation_slow",
          queries: [{ expr: perSecond("rollcall_provision_total"), legend: "jobs a second" }],
        },
        {
          title: "Dead letters by code",
          unit: "short",
          look: "lines",
          help: "Each code has its section. `other`: unreadable, or older than the newest 5,000.",
          runbook: "dead_letters",
          queries: [{ expr: level("rollcall_dead_letters", { by: ["code"] }), legend: "{{code}}" }],
        },
      ],
    },
    {
      title: "Work of operators",
      panels: [
        {
          title: "Users of bulk changes",
          unit: "ops",
          look: "bars",
          help: "`failed`: the report of the bulk change names the users.",
          runbook: "a-bulk-change-has-failed-users",
          queries: [
            {
              expr: perSecond("rollcall_bulk_users_total", { by: ["action", "outcome"] }),
              legend: "{{action}} {{outcome}}",
            },
          ],
        },
        {
          title: "Users in exports",
          unit: "ops",
          look: "bars",
          help: "Personal data that left by the console. One that no operator knows of: look at the audit page.",
          runbook: "operators",
          queries: [
            {
              expr: perSecond("rollcall_exported_users_total", { by: ["format", "outcome"] }),
              legend: "{{format}} {{outcome}}",
            },
          ],
        },
      ],
    },
  ],
};
