import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../start-error.ts";
import type { SupervisedProcess } from "./supervised-process.ts";

const retryForMs = 60_000;

/**
 * Resolves when the part reports that it has every service that it needs.
 *
 * @throws StartError if it ends first, or is not ready in time
 */
export function untilReady(part: SupervisedProcess, url: string, signal: AbortSignal): Promise<void> {
  return poll(part, `${url}/readyz`, '"status":"ok"', signal);
}

/** Resolves when the part answers on `url`. @throws StartError as `untilReady` does */
export function untilAnswers(part: SupervisedProcess, url: string, signal: AbortSignal): Promise<void> {
  return poll(part, url, "", signal);
}

async function poll(
  part: SupervisedProcess,
  url: string,
  wanted: string,
  signal: AbortSignal,
): Promise<void> {
  const failed = part.failed.then((how) => ({ how }));
  const deadlineMs = Date.now() + retryForMs;
  while (Date.now() < deadlineMs) {
    signal.throwIfAborted();
    const outcome = await Promise.race([failed, answers(url, wanted)]);
    if (outcome === true) return;
    if (outcome !== false) throw new StartError(explainEnd(part, outcome.how));
    await sleep(100);
  }
  throw new StartError(
    `The ${part.name} is not ready after ${retryForMs / 1_000} s. Its last lines:\n${quote(part)}`,
  );
}

async function answers(url: string, wanted: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return (await answer.text()).includes(wanted);
  } catch {
    return false;
  }
}

function explainEnd(part: SupervisedProcess, how: string): string {
  return `The ${part.name} ended during its start (${how}). Its last lines:\n${quote(part)}`;
}

function quote(part: SupervisedProcess): string {
  return part
    .lastLines()
    .map((line) => `  ${line}`)
    .join("\n");
}
