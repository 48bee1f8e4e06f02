/** Lets a number of tasks run at once. Further ones wait in the order of their calls. */
export type Slots = {
  /** Waits for a slot. @returns gives the slot back; a second call does nothing */
  take(): Promise<() => void>;
  /** Runs `work` in a slot. */
  run<T>(work: () => Promise<T>): Promise<T>;
};

export function createSlots(size: number): Slots {
  let free = size;
  const waiting: (() => void)[] = [];

  function release(): void {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }

  async function take(): Promise<() => void> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let isHeld = true;
    return () => {
      if (isHeld) release();
      isHeld = false;
    };
  }

  return {
    take,
    run: async (work) => {
      const leave = await take();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/** The slot of one page: it is taken when the page's bytes are there, and given back once the page is written. */
export type Turn = {
  /** Resolves once the slot is taken; at once if it is already. */
  enter(): Promise<void>;
  /** Gives the slot back. The turn may be entered again. */
  leave(): void;
};

/** @param after a turn before this one: until it is over, this one takes no slot */
export function createTurn(slots: Slots, after?: Promise<unknown>): Turn {
  let entered: Promise<() => void> | undefined;
  return {
    enter: async () => {
      await after;
      entered ??= slots.take();
      await entered;
    },
    leave: () => {
      void entered?.then((leave) => leave());
      entered = undefined;
    },
  };
}
