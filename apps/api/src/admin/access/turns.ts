/** Runs one piece of work at a time. */
export type Turns = {
  /** @param lane takes turns with other lanes. Within a lane, callers take turns */
  take<Result>(lane: string, caller: string, work: () => Promise<Result>): Promise<Result>;
};

type Waiting = () => Promise<void>;

/**
 * However much work one caller adds in one lane, work in another lane waits for one piece of each lane at most, and work
 * of another caller in the same lane for one piece of each caller at most.
 */
export function createTurns(): Turns {
  const lanes = new Map<string, Map<string, Waiting[]>>();
  let running = false;

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    for (let next = takeNext(lanes); next; next = takeNext(lanes)) await next();
    running = false;
  }

  return {
    take: (lane, caller, work) =>
      new Promise((resolve, reject) => {
        const callers = lanes.get(lane) ?? new Map<string, Waiting[]>();
        lanes.set(lane, callers);
        const waiting = callers.get(caller) ?? [];
        callers.set(caller, waiting);
        waiting.push(async () => work().then(resolve, reject));
        void run();
      }),
  };
}

/** Takes the first piece of the first caller of the first lane, and moves both behind the others. */
function takeNext(lanes: Map<string, Map<string, Waiting[]>>): Waiting | undefined {
  const [first] = lanes;
  if (!first) return undefined;
  const [lane, callers] = first;
  lanes.delete(lane);
  const [second] = callers;
  if (!second) return takeNext(lanes);
  const [caller, waiting] = second;
  callers.delete(caller);
  const next = waiting.shift();
  if (waiting.length > 0) callers.set(caller, waiting);
  if (callers.size > 0) lanes.set(lane, callers);
  return next;
}
