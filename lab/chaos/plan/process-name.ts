export const processNames = ["api0", "api1", "worker0", "worker1"] as const;

export type ProcessName = (typeof processNames)[number];
