/** One copy of a message. `attempt` counts from 0. */
export type Delivery<Message> = { message: Message; body: string; attempt: number };

type ReleaseOrder = "sent" | "reversed" | "shuffled";

export type DeliveryQueue<Message> = {
  /** Adds a new delivery. It waits for its delay, then for its place in the shuffle, then for a free sender. */
  accept(delivery: Delivery<Message>): void;
  /** Adds a failed delivery, which is due again after `waitMs`. */
  retry(delivery: Delivery<Message>, waitMs: number): void;
  hold(): void;
  release(order: ReleaseOrder): void;
  /** The number of held deliveries. */
  held(): number;
  /** Resolves when no delivery is due; with `retries`, when no delivery waits for a later attempt either. */
  idle(options: { retries: boolean }): Promise<void>;
  /** Starts as many deliveries as the concurrency allows; must be called after the concurrency has changed. */
  pump(): void;
  close(): void;
};

type QueueContext<Message> = {
  /** Sends one delivery; must never reject. */
  send(delivery: Delivery<Message>): Promise<void>;
  concurrency(): number;
  delayMs(): number;
  shuffleSize(): number;
  shuffle<T>(items: readonly T[]): T[];
};

type Waiter = { retries: boolean; resolve: () => void };

/** Decides when each delivery is sent. HTTP is not its concern. */
export function createDeliveryQueue<Message>(context: QueueContext<Message>): DeliveryQueue<Message> {
  const timers = new Set<NodeJS.Timeout>();
  let ready: Delivery<Message>[] = [];
  let head = 0;
  let collecting: Delivery<Message>[] = [];
  let holding: Delivery<Message>[] | null = null;
  let waiters: Waiter[] = [];
  const counts = { inFlight: 0, delayed: 0, retrying: 0 };

  function after(waitMs: number, counter: "delayed" | "retrying", run: () => void): void {
    counts[counter]++;
    const timer = setTimeout(() => {
      timers.delete(timer);
      counts[counter]--;
      run();
    }, waitMs);
    timers.add(timer);
  }

  function accept(delivery: Delivery<Message>): void {
    after(context.delayMs(), "delayed", () => collect(delivery));
  }

  function collect(delivery: Delivery<Message>): void {
    collecting.push(delivery);
    if (collecting.length >= context.shuffleSize() || waiters.length > 0) flush();
  }

  function flush(): void {
    const batch = context.shuffleSize() > 1 ? context.shuffle(collecting) : collecting;
    collecting = [];
    for (const delivery of batch) makeReady(delivery);
  }

  function makeReady(delivery: Delivery<Message>): void {
    if (holding !== null) holding.push(delivery);
    else ready.push(delivery);
    pump();
  }

  function pump(): void {
    while (counts.inFlight < context.concurrency()) {
      const delivery = ready[head];
      if (delivery === undefined) break;
      head++;
      counts.inFlight++;
      void context.send(delivery).finally(() => {
        counts.inFlight--;
        pump();
      });
    }
    if (head === ready.length) {
      ready = [];
      head = 0;
    }
    wakeWaiters();
  }

  function wakeWaiters(): void {
    const busy = ready.length + collecting.length + counts.inFlight + counts.delayed > 0;
    const done = waiters.filter(({ retries }) => !busy && !(retries && counts.retrying > 0));
    waiters = waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) waiter.resolve();
  }

  function release(order: ReleaseOrder): void {
    const batch = holding ?? [];
    holding = null;
    if (order === "reversed") batch.reverse();
    for (const delivery of order === "shuffled" ? context.shuffle(batch) : batch) makeReady(delivery);
  }

  function idle({ retries }: { retries: boolean }): Promise<void> {
    return new Promise((resolve) => {
      waiters.push({ retries, resolve });
      flush();
      wakeWaiters();
    });
  }

  return {
    accept,
    retry: (delivery, waitMs) => after(waitMs, "retrying", () => makeReady(delivery)),
    hold: () => {
      holding ??= [];
    },
    release,
    held: () => holding?.length ?? 0,
    idle,
    pump,
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      for (const waiter of waiters) waiter.resolve();
      waiters = [];
    },
  };
}
