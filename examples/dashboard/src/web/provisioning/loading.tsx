import type { ReactNode } from "react";

/** A placeholder in the shape of the dashboard, and a text for screen readers. */
export function Loading({ words }: { words: string }): ReactNode {
  return (
    <div className="loading">
      <h1 className="loading-words">{words}</h1>
      <div className="goals" aria-hidden="true">
        {["revenue", "leads", "procedures", "posts", "stories"].map((name) => (
          <div key={name} className="goal ghost" />
        ))}
      </div>
    </div>
  );
}
