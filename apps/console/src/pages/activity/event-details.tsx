/** The codes and ids of an event, as `name value` pairs. */
export function EventDetails({ details }: { details: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(details).filter(([, value]) => value !== null && value !== "");
  if (entries.length === 0) return <span className="soft">–</span>;
  return (
    <span className="small">
      {entries
        .map(
          ([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
        )
        .join(" · ")}
    </span>
  );
}
