/** What the evaluation of an alert came to, and which of it was sent. */
export type AlertRecord = {
  name: string;
  state: "ok" | "pending" | "firing";
  since: Date;
  value: number | null;
  firedAt: Date | null;
  resolvedAt: Date | null;
  evaluatedAt: Date;
  firedSentAt: Date | null;
  resolvedSentAt: Date | null;
};
