/** `held`: done, but deletions wait for somebody to confirm them. */
export const exitCodes = { done: 0, failed: 1, usage: 2, held: 3 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
