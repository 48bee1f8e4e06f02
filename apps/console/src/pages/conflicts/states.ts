/** The states of conflicts, those that wait for a decision first. */
export const conflictStates = ["open", "resolved", "dismissed", "settled"] as const;

export type ConflictState = (typeof conflictStates)[number];
