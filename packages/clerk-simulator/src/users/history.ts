import { z } from "zod";

/** One change of users. Entries are in order and never removed, so that a test can compare a copy with them. */
export type HistoryEntry =
  | { sequence: number; atMs: number; change: UserChange; userId: string }
  | { sequence: number; atMs: number; change: "seeded"; count: number };

export type UserChange = "created" | "updated" | "deleted" | "signed-in";

export const historyFilterSchema = z.object({
  userId: z.string().optional(),
  change: z.enum(["created", "updated", "deleted", "signed-in", "seeded"]).optional(),
  /** Only entries with a higher sequence number. */
  after: z.number().int().optional(),
  limit: z.number().int().positive().optional(),
});
export type HistoryFilter = z.input<typeof historyFilterSchema>;

export type History = {
  record(change: UserChange, userId: string): void;
  recordSeed(count: number): void;
  list(filter?: HistoryFilter): HistoryEntry[];
};

/** @param onChange called for each change of one user, after it is recorded */
export function createHistory(
  now: () => number,
  onChange: (change: UserChange, userId: string) => void = () => {},
): History {
  const entries: HistoryEntry[] = [];

  function list({ userId, change, after = 0, limit }: HistoryFilter = {}): HistoryEntry[] {
    const found = entries
      .slice(Math.max(0, after))
      .filter((entry) => change === undefined || entry.change === change)
      .filter((entry) => userId === undefined || ("userId" in entry && entry.userId === userId));
    return limit === undefined ? found : found.slice(0, limit);
  }

  return {
    record(change, userId) {
      entries.push({ sequence: entries.length + 1, atMs: now(), change, userId });
      onChange(change, userId);
    },
    recordSeed: (count) =>
      void entries.push({ sequence: entries.length + 1, atMs: now(), change: "seeded", count }),
    list,
  };
}
