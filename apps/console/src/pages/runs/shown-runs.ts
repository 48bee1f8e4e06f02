/** Which runs the list shows. Incremental syncs run each minute, and would hide the full ones. */
export const shownRuns = ["full", "catch-up", "all"] as const;

export type ShownRuns = (typeof shownRuns)[number];
