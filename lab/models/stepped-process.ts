/** The process is gone: no step of it has an effect any more. */
export class Died extends Error {}

/**
 * A process of the product that stops before each step of its protocol, so that a test decides whose step comes next. Its
 * services call `stop`. It may wait at one stop at a time.
 */
export class SteppedProcess {
  /** Where it waits: `idle` without work, or the name of a stop. */
  at = "idle";
  #work: Promise<void> = Promise.resolve();
  #isDead = false;
  #release: (() => void) | undefined;
  #stopped: (() => void) | undefined;
  #failure: unknown;

  /** Starts work, and resolves once it waits at its first stop or is over. @throws the error of the work */
  begin(work: () => Promise<unknown>): Promise<void> {
    this.#isDead = false;
    const arrived = this.#arrive();
    this.at = "working";
    this.#work = work()
      .catch((error: unknown) => {
        if (!this.#isDead) this.#failure = error;
      })
      .then(() => {
        this.at = "idle";
        this.#stopped?.();
      }) as Promise<void>;
    return arrived;
  }

  /** Takes the step before which it waits, and resolves at the next stop or at the end. @throws the error of the work */
  async proceed(): Promise<void> {
    const arrived = this.#arrive();
    this.#release?.();
    await arrived;
  }

  /** Ends the process before its next step, and resolves when nothing of it runs any more. */
  async die(): Promise<void> {
    this.#isDead = true;
    this.#release?.();
    await this.#work;
  }

  /** For the services of the process: waits until the test lets the step happen. */
  stop = async (name: string): Promise<void> => {
    if (!this.#isDead) {
      const released = new Promise<void>((resolve) => {
        this.#release = resolve;
      });
      this.at = name;
      this.#stopped?.();
      await released;
    }
    if (this.#isDead) throw new Died();
  };

  async #arrive(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    this.#stopped = undefined;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }
}
