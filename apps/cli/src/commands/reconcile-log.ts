import { z } from "zod";

const lineSchema = z.looseObject({
  event: z.string().optional(),
  clerkId: z.string().nullish(),
  code: z.string().optional(),
  msg: z.string().optional(),
  err: z.looseObject({ message: z.string() }).optional(),
});

const mostKept = 20;
/** They only say again what the run's row and the command's own words say. */
const saidElsewhere = new Set(["reconcile_interrupted", "reconcile_failed"]);

/** What a person should hear of the run's log, which here no file keeps. */
export type ReconcileLog = {
  /** A line as JSON. */
  read(line: string): void;
  /** Whom and what the run could not do; empty when all went well. */
  describe(): string;
};

/** @param onWait told what the run waits for */
export function startReconcileLog(onWait: (reason: string) => void): ReconcileLog {
  const kept: string[] = [];
  let more = 0;
  return {
    read(text) {
      const { data: line } = lineSchema.safeParse(JSON.parse(text));
      if (!line) return;
      if (line.event === "reconcile_waits") return onWait(line.code ?? "a dependency");
      // Of an error that nobody named, the row says that the log has it.
      if (saidElsewhere.has(line.event ?? "") && line.code !== "internal") return;
      const said = [line.clerkId ?? line.msg, line.code, line.err?.message].filter(Boolean).join(": ");
      if (kept.length < mostKept) kept.push(said);
      else more++;
    },
    describe: () =>
      [...kept, ...(more > 0 ? [`… and ${more} more`] : [])].map((line) => `  ${line}\n`).join(""),
  };
}
