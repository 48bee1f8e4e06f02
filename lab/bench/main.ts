import { z } from "zod";
import { runCommand } from "../stage/command.ts";
import { type CaseName, cases, onRequest } from "./cases/cases.ts";
import { formatReports } from "./report.ts";
import { runBench } from "./run-bench.ts";

// Object.keys is typed for objects with unknown further keys. This one has none.
const names = Object.keys(cases) as [CaseName, ...CaseName[]];
const usage = `npm run bench -- [--case NAME]… [--backend redis|postgres] [--quick] [--json] [--profile DIR]
  --case      one of ${names.join(", ")}; may be given more than once. All but ${onRequest.join(", ")} by default
  --backend   the queues' service; by default both, for cases in which it matters
  --quick     smaller samples; three minutes in total
  --json      one JSON document on standard output
  --profile   keeps a CPU profile of each measured process in this folder
Compare only ratios of CPU time between machines and days: see lab/bench/RESULTS.md.
`;

const options = z.object({
  case: z.array(z.enum(names)).default(names.filter((name) => !onRequest.includes(name))),
  backend: z
    .enum(["redis", "postgres"])
    .transform((one) => [one])
    .default(["redis", "postgres"]),
  quick: z.boolean().default(false),
  json: z.boolean().default(false),
  profile: z.string().optional(),
});

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

process.exitCode = await runCommand(
  {
    usage,
    flags: { case: { ...text, multiple: true }, backend: text, quick: flag, json: flag, profile: text },
    options,
    measure: async ({ case: chosen, backend: backends, quick, profile: profileDir }, environment) => {
      const reports = await runBench({ names: chosen, backends, quick, profileDir, ...environment });
      return { json: { quick, cases: reports }, text: formatReports(reports) };
    },
  },
  process.env["PATH"],
);
