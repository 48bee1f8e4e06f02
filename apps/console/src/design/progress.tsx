import { ProgressBar } from "react-aria-components";
import "./progress.css";

/** How far a piece of work is. `total` is null while it is not known. */
export function Progress({ label, done, total }: { label: string; done: number; total: number | null }) {
  const share = total === null || total === 0 ? undefined : Math.min(1, done / total);
  return (
    <ProgressBar
      aria-label={label}
      isIndeterminate={share === undefined}
      value={(share ?? 0) * 100}
      className="progress"
    >
      {({ percentage }) => (
        // The width belongs to the value; the policy allows styles that a script sets.
        <span className="progress-done" style={{ width: `${percentage ?? 100}%` }} />
      )}
    </ProgressBar>
  );
}
