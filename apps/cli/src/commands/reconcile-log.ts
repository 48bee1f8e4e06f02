import type { RunView } from "@rollcall/contracts";
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

/** What a person should hear of the run's log, which here no file keeps. */
export type ReconcileLog = {
  /** A line as JSON. */
  read(line: string): void;
  /** Whom and what the run could not do, and what interrupted it if that was its end; empty when all went well. */
  describe(ended: Pick<RunView, "errorCode">): string;
};

/** @param onWait told what the run waits for */
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
        // Without an error it was Ctrl-C, or another runner has it; the command's own words tell of those.
        if (!line.err) return;
        interruption = say(line.why, line.err.message);
        return onWait(line.why ?? "a dependency");
      }
      // The run's row says it too, but of an error that nobody named it says that the log has it.
      if (line.event === "reconcile_failed" && line.code !== "internal") return;
      if (kept.length < mostKept) kept.push(say(line.clerkId ?? line.msg, line.code, line.err?.message));
      else more++;
    },
    describe: ({ errorCode }) => {
      const lines = [...kept, ...(more > 0 ? [`… and ${more} more`] : [])];
      if (errorCode === "reconcile.interrupted" && interruption) lines.push(interruption);
      return lines.map((line) => `  ${line}\n`).join("");
    },
  };
}

function say(...parts: (string | null | undefined)[]): string {
  return parts.filter(Boolean).join(": ");
}
