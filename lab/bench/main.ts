import { z } from "zod";
import { type CaseName, cases, onRequest } from "./cases/cases.ts";
import { runCommand } from "./command.ts";
import { formatReports } from "./report/table.ts";
import { runBench } from "./run-bench.ts";

// Object.keys is typed for objects that may have more keys than their type says; ours has not.
const names = Object.keys(cases) as [CaseName, ...CaseName[]];
const usage = `npm run bench -- [--case NAME]… [--backend redis|postgres] [--quick] [--json] [--profile DIR]
  --case      one of ${names.join(", ")}; may be given more than once. All but ${onRequest.join(", ")} by default
  --backend   where queues live; both by default, where it makes a difference
  --quick     smaller samples, three minutes in all
  --json      one JSON document on standard output
  --profile   keeps a CPU profile of each measured process in this folder
Only CPU time is comparable between machines and days: see bench/RESULTS.md.
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
    measure: async ({ case: chosen, backend: backends, quick, profile: profileDir }, surroundings) => {
      const reports = await runBench({ names: chosen, backends, quick, profileDir, ...surroundings });
      return { figures: { quick, cases: reports }, text: formatReports(reports) };
    },
  },
  process.env["PATH"],
);
