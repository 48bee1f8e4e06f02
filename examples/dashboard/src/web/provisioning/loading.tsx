import type { ReactNode } from "react";

/** The shape of what comes, and words for who cannot see it. */
export function Loading({ words }: { words: string }): ReactNode {
  return (
    <div className="loading">
      <p className="loading-words">{words}</p>
      <div className="goals" aria-hidden="true">
        {["revenue", "leads", "procedures", "posts", "stories"].map((name) => (
          <div key={name} className="goal ghost" />
        ))}
      </div>
    </div>
  );
}
