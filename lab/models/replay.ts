import type { Trace } from "./choose-traces.ts";
import type { ModelState, ModelStep } from "./spin.ts";

/** The real thing behind a model. */
export type Replica = {
  /** The real step for each label of the model. */
  steps: Readonly<Record<string, (process: number, step: ModelStep) => Promise<void>>>;
  /** The present values of variables of the model, read from the real thing. */
  observe(): Promise<ModelState>;
};

/** Thrown when the real thing is in another state than the model. */
export class Difference extends Error {}

/**
 * Takes the steps of a trace on the real thing, and compares its state with the model's after each of them.
 *
 * @throws Difference, with the steps so far
 */
export async function replay({ steps, observe }: Replica, trace: Trace): Promise<void> {
  for (const [index, step] of trace.entries()) {
    const take = steps[step.label];
    if (!take) throw new Error(`The real thing has no step ${step.label}`);
    const explain = (what: string) =>
      new Difference([what, ...trace.slice(0, index + 1).map(print)].join("\n"));
    try {
      await take(step.process, step);
    } catch (error) {
      throw explain(`The real step failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    const wrong = Object.entries(await observe()).filter(([name, value]) => step.after[name] !== value);
    if (wrong.length > 0)
      throw explain(`In the real thing: ${wrong.map((pair) => pair.join("=")).join(" ")}`);
  }
}

function print({ label, process, to }: ModelStep): string {
  return `  ${label} ${process}: ${to}`;
}
