import { AppError } from "@rollcall/contracts";

/** What is there once, at some time or never, and those who wait for it. */
export type FirstConnection<T> = {
  /** Undefined while it was never there. */
  current(): T | undefined;
  /** @throws AppError `queue.unavailable` after `deadlineMs`, or when it will never be there */
  within(deadlineMs: number): Promise<T>;
  arrive(value: T): void;
  /** It will never be there. */
  fail(cause: unknown): void;
};

type Waiter<T> = { timer: NodeJS.Timeout; resolve(value: T): void; reject(error: AppError): void };

/**
 * Lets everybody wait within a deadline of their own, and holds nobody who gave up. A promise would: it keeps the
 * reactions of all who ever waited, lost races too, and runs them when it settles at last.
 *
 * @param what for errors, like "Connecting queue sync"
 */
export function awaitFirstConnection<T extends object>(what: string): FirstConnection<T> {
  const waiters = new Set<Waiter<T>>();
  let value: T | undefined;
  let cause: unknown;

  const failed = () => new AppError("queue.unavailable", `${what} failed`, { cause });

  function wait(deadlineMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        waiters.delete(waiter);
        reject(new AppError("queue.unavailable", `${what} took longer than ${deadlineMs} ms`));
      };
      const waiter: Waiter<T> = { timer: setTimeout(giveUp, deadlineMs), resolve, reject };
      waiters.add(waiter);
    });
  }

  function release(tell: (waiter: Waiter<T>) => void): void {
    for (const waiter of waiters) {
      clearTimeout(waiter.timer);
      tell(waiter);
    }
    waiters.clear();
  }

  return {
    current: () => value,
    within: async (deadlineMs) => {
      if (cause !== undefined) throw failed();
      return value ?? wait(deadlineMs);
    },
    arrive: (arrived) => {
      value = arrived;
      release(({ resolve }) => resolve(arrived));
    },
    fail: (reason) => {
      cause = reason;
      release(({ reject }) => reject(failed()));
    },
  };
}
