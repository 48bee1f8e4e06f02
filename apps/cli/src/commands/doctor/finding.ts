/** The result of a check. `note`: no fault, but worth knowing. `unknown`: the check could not be made. */
export type Finding = {
  /** Stable, for scripts: `redis.persistence`. */
  name: string;
  state: "ok" | "note" | "wrong" | "unknown";
  /** One sentence without a value of the environment. */
  says: string;
  /** The fix; null without a fault. */
  mend: string | null;
};

export function ok(name: string, says: string): Finding {
  return { name, state: "ok", says, mend: null };
}

export function note(name: string, says: string, mend: string | null = null): Finding {
  return { name, state: "note", says, mend };
}

export function wrong(name: string, says: string, mend: string): Finding {
  return { name, state: "wrong", says, mend };
}

export function unknown(name: string, says: string): Finding {
  return { name, state: "unknown", says, mend: null };
}
