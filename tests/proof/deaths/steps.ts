/** Passes `dieAt - 1` steps and kills the process with SIGKILL at the next one. */
export type Steps = { pass(): void };

export function countSteps(dieAt: number): Steps {
  let left = dieAt;
  return {
    pass: () => {
      left--;
      if (left === 0) process.kill(process.pid, "SIGKILL");
    },
  };
}

/** Returns `target` with a step before and a step after each call of `method`. */
export function withSteps<T extends object>(target: T, method: keyof T, steps: Steps): T {
  return new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (key !== method) return value.bind(target);
      return async (...args: unknown[]) => {
        steps.pass();
        const result: unknown = await value.apply(target, args);
        steps.pass();
        return result;
      };
    },
  });
}
