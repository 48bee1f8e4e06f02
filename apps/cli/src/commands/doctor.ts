import { type Command, UsageError } from "../command.ts";
import { examine } from "../doctor/examine.ts";
import type { Finding } from "../doctor/finding.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLines } from "../print.ts";
import { table } from "../table.ts";

export const doctor: Command = {
  synopsis: "doctor",
  summary: "check environment, Clerk, Postgres and Redis, and say how to mend each fault; changes nothing",
  run: async ({ words, json }, _open, readEnvironment) => {
    if (words.length > 0) throw new UsageError("doctor takes nothing.");
    const findings = await examine(readEnvironment());
    const faults = findings.filter(({ state }) => state === "wrong");
    if (json) printJson({ ok: faults.length === 0, findings });
    else printLines(print(findings, faults));
    return faults.length === 0 ? exitCodes.done : exitCodes.failed;
  },
};

function print(findings: readonly Finding[], faults: readonly Finding[]): string[] {
  const labels = { ok: "ok", note: "note", unknown: "?", wrong: "WRONG" } as const;
  const rows = findings.map(({ name, state, says }) => [labels[state], name, says]);
  const mends = findings.flatMap(({ name, state, mend }) =>
    mend && state === "wrong" ? [[name, mend]] : [],
  );
  return [
    ...table(rows),
    "",
    ...(faults.length === 0 ? ["Nothing is wrong."] : [`${faults.length} to mend:`, ...table(mends)]),
  ];
}
