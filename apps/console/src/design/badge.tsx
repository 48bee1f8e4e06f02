import type { ReactNode } from "react";
import "./badge.css";

export type BadgeTone = "neutral" | "good" | "warn" | "bad";

/** A state in a word. Its text says the same as its colour. */
export function Badge({ tone = "neutral", children }: { tone?: BadgeTone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}
