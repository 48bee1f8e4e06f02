/** A map that forgets its oldest entries, for what is only worth knowing for a while. */
export type Recent<Value> = {
  set(key: string, value: Value): void;
  get(key: string): Value | undefined;
  delete(key: string): boolean;
};

export function createRecent<Value>(limit: number): Recent<Value> {
  const entries = new Map<string, Value>();
  return {
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      for (const oldest of entries.keys()) {
        if (entries.size <= limit) break;
        entries.delete(oldest);
      }
    },
    get: (key) => entries.get(key),
    delete: (key) => entries.delete(key),
  };
}
