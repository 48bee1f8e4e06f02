/** What was counted of one series: since the last time, or within a window. */
export type Sample = { metric: string; labels: Readonly<Record<string, string>>; value: number };

/** A stretch of time that ends `untilS` seconds ago and began `fromS` seconds ago. */
export type SampleWindow = { metric: string; fromS: number; untilS: number };
