import type { ModelStep } from "./spin.ts";

/** Steps of a model, each from the state that the one before it left. The first one leaves the model's first state. */
export type Trace = readonly ModelStep[];

/** A trace ends once it is this long. Short traces say at once where a replay differs. */
const longestTrace = 60;

/**
 * Chooses traces that contain every step of every process in every situation. A situation is the values that the named
 * variables have before the step.
 *
 * @param steps all steps of the model, beginning with one from its first state
 */
export function chooseTraces(steps: readonly ModelStep[], situation: readonly string[]): Trace[] {
  const graph = createGraph(steps);
  const classes = new Map(steps.map((step) => [step, describeSituation(step, situation)]));
  const classOf = (step: ModelStep) => classes.get(step) ?? "";
  const missing = new Set(classes.values());
  const traces: Trace[] = [];
  while (missing.size > 0) {
    const trace: ModelStep[] = [];
    for (;;) {
      const from = trace.at(-1)?.to ?? graph.first;
      const way = findWay(graph, from, (step) => missing.has(classOf(step)));
      if (!way) break;
      trace.push(...way);
      for (const step of way) missing.delete(classOf(step));
      if (trace.length >= longestTrace) break;
    }
    if (trace.length === 0) throw new Error("A step of the model cannot be reached from its first state");
    traces.push(trace);
  }
  return traces;
}

/** The shortest trace that ends with a step. */
export function traceTo(steps: readonly ModelStep[], last: ModelStep): Trace {
  const graph = createGraph(steps);
  const way = findWay(graph, graph.first, (step) => step === last);
  if (!way) throw new Error("The step cannot be reached from the model's first state");
  return way;
}

function describeSituation({ label, process, from }: ModelStep, situation: readonly string[]): string {
  const values = from.split(" ").filter((pair) => situation.some((name) => pair.startsWith(`${name}=`)));
  return [label, process, ...values].join(" ");
}

type Graph = { first: string; stepsFrom: ReadonlyMap<string, readonly ModelStep[]> };

function createGraph(steps: readonly ModelStep[]): Graph {
  const stepsFrom = new Map<string, ModelStep[]>();
  for (const step of steps) {
    const known = stepsFrom.get(step.from);
    if (known) known.push(step);
    else stepsFrom.set(step.from, [step]);
  }
  return { first: steps[0]?.from ?? "", stepsFrom };
}

/** The shortest way from a state over a wanted step, breadth first. */
function findWay(
  { stepsFrom }: Graph,
  from: string,
  isWanted: (step: ModelStep) => boolean,
): ModelStep[] | undefined {
  const cameBy = new Map<string, ModelStep | undefined>([[from, undefined]]);
  for (const state of cameBy.keys()) {
    for (const step of stepsFrom.get(state) ?? []) {
      if (isWanted(step)) return [...wayTo(cameBy, state), step];
      if (!cameBy.has(step.to)) cameBy.set(step.to, step);
    }
  }
  return undefined;
}

function wayTo(cameBy: ReadonlyMap<string, ModelStep | undefined>, state: string): ModelStep[] {
  const way: ModelStep[] = [];
  for (let step = cameBy.get(state); step; step = cameBy.get(step.from)) way.push(step);
  return way.reverse();
}
