import "./progress.css";

/** How far a piece of work is. `total` is null while it is not known. */
export function Progress({ label, done, total }: { label: string; done: number; total: number | null }) {
  const share = total === null || total === 0 ? undefined : Math.min(1, done / total);
  return <progress aria-label={label} className="progress" value={share} />;
}
