import type { ErrorCode } from "@rollcall/contracts";
import type { Logger } from "@rollcall/observability";

/** Says once that an outage began and once that it ended, however many jobs met it in between. */
export type OutageLog = {
  /** A job of `queue` met the outage that `code` names. */
  note(queue: string, code: ErrorCode): void;
  /** A job of `queue` got through. */
  clear(queue: string): void;
};

export function createOutageLog(log: Logger): OutageLog {
  const open = new Map<string, { code: ErrorCode; beganAtMs: number }>();
  return {
    note: (queue, code) => {
      if (open.get(queue)?.code === code) return;
      open.set(queue, { code, beganAtMs: Date.now() });
      log.warn({ event: "outage_began", queue, code }, "A dependency is away; the queue waits for it");
    },
    clear: (queue) => {
      const outage = open.get(queue);
      if (!outage) return;
      open.delete(queue);
      const ms = Date.now() - outage.beganAtMs;
      log.info({ event: "outage_ended", queue, code: outage.code, ms }, "The dependency is back");
    },
  };
}
