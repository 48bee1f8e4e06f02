import { type RunView, toPrintable } from "@rollcall/contracts";
import { z } from "zod";

const lineSchema = z.looseObject({
  event: z.string().optional(),
  clerkId: z.string().nullish(),
  code: z.string().optional(),
  why: z.string().optional(),
  msg: z.string().optional(),
  err: z.looseObject({ message: z.string() }).optional(),
});

const mostKept = 20;

/** The lines of a run's log that an operator needs. The command keeps no log file. */
export type ReconcileLog = {
  /** Reads a line of JSON. */
  read(line: string): void;
  /** Lists users and steps that failed, and the interruption if it ended the run. Empty after a run without faults. */
  describe(ended: Pick<RunView, "errorCode">): string;
};

/** @param onWait called with the dependency that the run waits for */
export function startReconcileLog(onWait: (reason: string) => void): ReconcileLog {
  const kept: string[] = [];
  let more = 0;
  let interruption: string | undefined;
  return {
    read(text) {
      const { data: line } = lineSchema.safeParse(JSON.parse(text));
      if (!line) return;
      if (line.event === "reconcile_waits") return onWait(line.code ?? "a dependency");
      if (line.event === "reconcile_interrupted") {
        // Without an error it was Ctrl-C, or another process has the run. The command prints its own lines for those.
        if (!line.err) return;
        interruption = join(line.why, line.err.message);
        return onWait(line.why ?? "a dependency");
      }
      // The run's row has the reason too, except for an internal error, for which it refers to the log.
      if (line.event === "reconcile_failed" && line.code !== "internal") return;
      if (kept.length < mostKept) kept.push(join(line.clerkId ?? line.msg, line.code, line.err?.message));
      else more++;
    },
    describe: ({ errorCode }) => {
      const lines = [...kept, ...(more > 0 ? [`… and ${more} more`] : [])];
      if (errorCode === "reconcile.interrupted" && interruption) lines.push(interruption);
      return lines.map((line) => `  ${toPrintable(line)}\n`).join("");
    },
  };
}

function join(...parts: (string | null | undefined)[]): string {
  return parts.filter(Boolean).join(": ");
}
