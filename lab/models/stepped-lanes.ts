import { setImmediate as nextTurn } from "node:timers/promises";
import { Died } from "./stepped-process.ts";

/** A process with concurrent lanes, each of which waits at a stop of its own. */
export class SteppedLanes {
  readonly #stops = new Map<string, () => void>();
  #work: Promise<unknown> = Promise.resolve();
  #isDead = false;
  #underWay = 0;

  begin(work: () => Promise<unknown>): void {
    this.#isDead = false;
    this.#work = work().catch(() => undefined);
  }

  /** Lets a lane take the step before which it waits. */
  proceed(name: string): void {
    const release = this.#stops.get(name);
    if (!release) throw new Error(`No lane waits at ${name}, but at ${[...this.#stops.keys()].join(", ")}`);
    this.#stops.delete(name);
    release();
  }

  /**
   * Waits until every lane is at a stop or waits for another lane: then nothing is under way, and no further turn of the
   * event loop changes that.
   *
   * @returns the stops at which lanes wait
   */
  async settle(): Promise<string[]> {
    for (let quietTurns = 0; quietTurns < 3; quietTurns++) {
      await nextTurn();
      if (this.#underWay > 0) quietTurns = 0;
    }
    return [...this.#stops.keys()].sort();
  }

  /** For the services of the process: work whose end comes from outside of it. */
  track = async <T>(work: Promise<T>): Promise<T> => {
    this.#underWay++;
    try {
      return await work;
    } finally {
      this.#underWay--;
    }
  };

  /** Ends the process before its next steps, and resolves when nothing of it runs any more. */
  async die(): Promise<void> {
    this.#isDead = true;
    for (const release of this.#stops.values()) release();
    this.#stops.clear();
    await this.#work;
  }

  /** For the services of the process. @throws Died */
  assertAlive(): void {
    if (this.#isDead) throw new Died();
  }

  /** For the services of the process: waits until the test lets the step happen. */
  stop = async (name: string): Promise<void> => {
    this.assertAlive();
    await new Promise<void>((resolve) => {
      this.#stops.set(name, resolve);
    });
    this.assertAlive();
  };
}
