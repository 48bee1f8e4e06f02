import { z } from "zod";
import type { Random } from "../random.ts";

const share = z.number().min(0).max(1);

/** Faults of the network between Clerk and the endpoint; a missing field stays as it is. */
export const disturbanceSchema = z.object({
  /** The next n events are never sent. */
  loseNext: z.number().int().nonnegative().optional(),
  /** Share of events never sent. */
  loseShare: share.optional(),
  /** How often each event is delivered. */
  copies: z.number().int().positive().optional(),
  /** Wait before each delivery, or a range of waits. The wait is real time and is not scaled. */
  delayMs: z.union([z.number().nonnegative(), z.tuple([z.number(), z.number()])]).optional(),
  /** This number of deliveries is collected and then sent in random order; 1 keeps the order. */
  shuffle: z.number().int().positive().optional(),
});
export type Disturbance = z.input<typeof disturbanceSchema>;

/** A disturbance with every field. */
export type CurrentDisturbance = Required<{ [K in keyof Disturbance]: Exclude<Disturbance[K], undefined> }>;

export type Disturber = {
  set(disturbance: Disturbance): void;
  /** Removes every disturbance. */
  calm(): void;
  current(): CurrentDisturbance;
  losesNext(): boolean;
  copies(): number;
  delayMs(): number;
  shuffle(): number;
};

const calmNetwork = { loseNext: 0, loseShare: 0, copies: 1, delayMs: 0, shuffle: 1 };

export function createDisturber(random: Random): Disturber {
  let current: CurrentDisturbance = { ...calmNetwork };

  function losesNext(): boolean {
    if (current.loseNext > 0) {
      current.loseNext--;
      return true;
    }
    return current.loseShare > 0 && random.next() < current.loseShare;
  }

  function delayMs(): number {
    const { delayMs: delay } = current;
    if (typeof delay === "number") return delay;
    return delay[0] + random.next() * (delay[1] - delay[0]);
  }

  return {
    set(disturbance) {
      const given = Object.entries(disturbance).filter(([, value]) => value !== undefined);
      current = { ...current, ...Object.fromEntries(given) };
    },
    calm() {
      current = { ...calmNetwork };
    },
    current: () => ({ ...current }),
    losesNext,
    delayMs,
    copies: () => current.copies,
    shuffle: () => current.shuffle,
  };
}
