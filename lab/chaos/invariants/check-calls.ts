import type { Call, Ledger, Violation } from "../ledger.ts";
import { isRetryTimeOver } from "../perform/call-api.ts";
import type { Stage } from "../stage/stage.ts";
import type { Span } from "../stage/supervised-process.ts";
import type { MachineWatch } from "../stage/watch-machine.ts";
import type { Tables } from "./read-tables.ts";

const longestMs = 5_000;
/** What the clocks of two processes, and a signal on its way, may differ by. */
const marginMs = 200;

const allowed = { webhook: [200, 503], ensure: [200, 202, 403, 404, 410, 503] } as const;

/** Judges every answer, and every request that got none. */
export function checkCalls(ledger: Ledger, stage: Stage, tables: Tables, machine: MachineWatch): Violation[] {
  return ledger.calls.flatMap((call) => {
    const faults = call.status === undefined ? [] : checkAnswer(ledger, tables, call);
    if (!wasAway(call, stage.processes[call.api].away)) faults.push(...checkTime(call, machine));
    return faults.map((fault) => ({ ...fault, clerkId: call.about }));
  });
}

function wasAway({ fromMs, toMs }: Call, away: readonly Span[]): boolean {
  return away.some((span) => span.fromMs < toMs + marginMs && span.untilMs > fromMs - marginMs);
}

function checkTime(call: Call, { lagMs, crowding }: MachineWatch): Violation[] {
  const invariant = "every request is answered within 5 s";
  const { api, what, fromMs, toMs, status, text } = call;
  const tookMs = toMs - fromMs - lagMs({ fromMs, untilMs: toMs });
  const isLate = tookMs > longestMs * crowding();
  if (status === undefined && (isLate || !isRetryTimeOver(call))) {
    return [{ invariant, what: `${api} did not answer a ${what} after ${tookMs} ms: ${text}` }];
  }
  return isLate ? [{ invariant, what: `${api} answered a ${what} after ${tookMs} ms with ${status}` }] : [];
}

function checkAnswer(
  { accounts }: Ledger,
  tables: Tables,
  { what, about, status = 0, text }: Call,
): Violation[] {
  const possible: readonly number[] = allowed[what];
  if (!possible.includes(status)) {
    return [
      { invariant: "every answer is one of the contract", what: `a ${what} was answered ${status}: ${text}` },
    ];
  }
  if (what === "webhook") return [];
  const account = accounts.get(about);
  if (status === 410 && account?.leftAtMs === undefined) {
    return [{ invariant: "nobody living is told to be deleted", what: "was answered 410" }];
  }
  if (status !== 200) return [];
  const row = tables.users.get(about);
  const isTheirs = text.includes(`"clerkId":"${about}"`);
  return row && isTheirs
    ? []
    : [{ invariant: "an ensure that said success left a row", what: `has ${row ? "another's" : "no"} row` }];
}
