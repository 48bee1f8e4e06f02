/** What a check came to. `note`: nothing is wrong, and somebody may want to know. `unknown`: it could not be asked. */
export type Finding = {
  /** Stable, for scripts: `redis.persistence`. */
  name: string;
  state: "ok" | "note" | "wrong" | "unknown";
  /** What was found, without a value of the environment. */
  says: string;
  /** How to mend it; null when there is nothing to mend. */
  mend: string | null;
};

export type Environment = Readonly<Record<string, string | undefined>>;

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
