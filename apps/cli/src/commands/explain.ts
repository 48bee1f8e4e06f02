import { explainUser } from "@rollcall/sync";
import { type Command, UsageError } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printReport } from "./print-report.ts";

export const explain: Command = {
  synopsis: "explain <clerkId>",
  summary: "say why a user is, or is not, there",
  run: async ({ words, json }, open) => {
    const [clerkId, ...rest] = words;
    if (clerkId === undefined || rest.length > 0) throw new UsageError("explain takes one Clerk id.");
    const report = await explainUser(open().context, clerkId);
    if (json) process.stdout.write(`${JSON.stringify(report ?? null, null, 2)}\n`);
    else if (report) process.stdout.write(printReport(report));
    if (report) return exitCodes.done;
    process.stderr.write(`Neither Clerk nor Rollcall knows ${clerkId}.\n`);
    return exitCodes.failed;
  },
};
