import type { BulkView } from "@rollcall/contracts";
import { Link } from "@tanstack/react-router";
import { Fragment, type ReactNode } from "react";
import { SubjectLink } from "../../design/subject-link.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { conflictsTexts } from "../conflicts/conflicts-texts.ts";
import { useSelectedTexts } from "../users/describe-filter.ts";
import { eventTexts } from "./event-texts.ts";

type Details = Readonly<Record<string, unknown>>;

/** What happened, in words. A kind without words is shown as it is. */
export function EventName(props: { kind: string; details: Details }) {
  return (
    <span className="words">
      <Named {...props} />
    </span>
  );
}

function Named({ kind, details }: { kind: string; details: Details }) {
  const texts = useTexts(eventTexts);
  if (kind === "reconcile_requested") {
    const run = details["dryRun"] === true ? "dry" : details["mode"];
    if (run === "dry" || run === "full" || run === "catch-up") return texts.runs[run];
  }
  return texts.kinds[kind] ?? <code>{kind}</code>;
}

/** The bulk change with its users, its filter if `change` is known, and the way to what it did. */
function Bulk({ details, change }: { details: Details; change: BulkView | undefined }) {
  const texts = useTexts(eventTexts);
  const formats = useFormats();
  const selected = useSelectedTexts();
  const id = String(details["bulkId"]);
  const { tier } = details;
  const { matching } = details;
  return (
    <>
      {"action" in details &&
        `${typeof tier === "string" ? texts.bulkActions.tier(tier) : texts.bulkActions.refresh} · `}
      {typeof matching === "number" && `${texts.bulkUsers(matching, formats.number(matching))} · `}
      {change && `${selected(change)} · `}
      {texts.bulk(id)}
      {typeof tier === "string" && (
        <>
          {": "}
          <BulkLink id={id}>{texts.tierChanges}</BulkLink>
        </>
      )}
    </>
  );
}

function BulkLink({ id, children }: { id: string; children: ReactNode }) {
  return (
    <Link to="/activity" search={{ cause: "bulk", ref: id }}>
      {children}
    </Link>
  );
}

/** Said elsewhere, or by the parts below. */
const saidElsewhere = new Set([
  "action",
  "tier",
  "matching",
  "bulkId",
  "runId",
  "mode",
  "dryRun",
  "conflictId",
  "clerkOrgId",
]);

/** Why a job failed comes before what it was. Postgres keeps no order of the names. */
const firstOnes = ["code", "sqlState", "table", "constraint", "attempts"];
const rank = (name: string) => (firstOnes.includes(name) ? firstOnes.indexOf(name) : firstOnes.length);
const byImportance = ([one]: [string, unknown], [other]: [string, unknown]) => rank(one) - rank(other);

type Props = {
  details: Details;
  /** The bulk changes that a page knows, to show their filters. */
  bulkChanges?: readonly BulkView[];
  /** The Clerk id of the page, which needs no link to itself. */
  of?: string;
};

/** The codes and ids of an event, as `name value` pairs, and links to what they name. */
export function EventDetails({ details, bulkChanges = [], of }: Props) {
  const texts = useTexts(eventTexts);
  const formats = useFormats();
  const { reasons } = useTexts(conflictsTexts);
  const { runId, bulkId, conflictId, clerkOrgId, from, to } = details;
  const isChange = from !== undefined && to !== undefined;
  const parts: [string, ReactNode][] = [];
  if (bulkId !== undefined) {
    const change = bulkChanges.find(({ id }) => id === bulkId);
    parts.push(["bulkId", <Bulk key="bulkId" details={details} change={change} />]);
  }
  if (runId !== undefined)
    parts.push([
      "runId",
      <Link key="runId" to="/runs/$id" params={{ id: String(runId) }}>
        {texts.run(String(runId))}
      </Link>,
    ]);
  if (conflictId !== undefined)
    parts.push([
      "conflictId",
      <Link key="conflictId" to="/conflicts/$id" params={{ id: String(conflictId) }}>
        {texts.conflict(String(conflictId))}
      </Link>,
    ]);
  if (typeof clerkOrgId === "string" && clerkOrgId !== of)
    parts.push(["clerkOrgId", <SubjectLink key="clerkOrgId" clerkId={clerkOrgId} />]);
  if (isChange) parts.push(["change", `${String(from)} → ${String(to)}`]);
  for (const [name, value] of Object.entries(details).sort(byImportance)) {
    const isEmpty = value === null || value === "" || value === false || (name === "held" && value === 0);
    const isSaid = saidElsewhere.has(name) || (isChange && (name === "from" || name === "to"));
    if (isEmpty || isSaid) continue;
    const words =
      name === "count" && typeof value === "number"
        ? texts.bulkUsers(value, formats.number(value))
        : conflictId !== undefined && name === "reason"
          ? reasons[String(value)]
          : texts.values[`${name} ${String(value)}`];
    const text = Array.isArray(value)
      ? value.join(", ")
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
    parts.push([name, words ?? `${texts.details[name] ?? name} ${text}`]);
  }
  if (parts.length === 0) return <span className="soft">–</span>;
  return (
    <span className="small">
      {parts.map(([name, part], index) => (
        <Fragment key={name}>
          {index > 0 && " · "}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

/** What is behind an event: a delivery, a run, a bulk change or an operator. */
export function EventOrigin({ cause, origin }: { cause: string; origin: string | null }) {
  const texts = useTexts(eventTexts);
  if (origin === null) return <span className="soft">–</span>;
  switch (cause) {
    case "reconcile":
      return (
        <Link to="/runs/$id" params={{ id: origin }}>
          {texts.run(origin)}
        </Link>
      );
    case "bulk":
      return <BulkLink id={origin}>{texts.bulk(origin)}</BulkLink>;
    case "webhook":
      return <span className="small">{texts.delivery(origin)}</span>;
    default:
      return origin;
  }
}
