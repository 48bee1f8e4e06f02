import type { UserReport } from "@rollcall/contracts";
import { useProfileShape } from "../../api/session.tsx";
import { Badge } from "../../design/badge.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { columnsTexts } from "../users/columns-texts.ts";
import { nameColumn } from "../users/describe-filter.ts";
import { type Comparison, compareSources, type Value } from "./side-by-side.ts";
import "../../design/table.css";
import { userTexts } from "./user-texts.ts";

/** The user at Clerk, the row and the profile side by side, with what differs marked in words. */
export function SideBySide({ report }: { report: UserReport }) {
  const texts = useTexts(userTexts);
  const formats = useFormats();
  const shape = useProfileShape();
  const { clerk, differences, user, mentorado } = report;
  const lines = compareSources(report, shape);
  const title = shape ? texts.compare : texts.compareRow;
  const notes = [user ? "" : texts.noRow, shape ? (mentorado ? texts.profileNote : texts.noProfile) : ""]
    .join(" ")
    .trim();
  const count = differences?.length ?? 0;
  return (
    <div className="stack tight">
      <h2>{title}</h2>
      {clerk === "unknown" && <p>{texts.clerkUnknown}</p>}
      {clerk === "absent" && <p>{texts.clerkAbsent}</p>}
      {differences && <p>{count === 0 ? texts.allEqual : texts.someDiffer(count, formats.number(count))}</p>}
      {/* A scrolling area must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="table-frame" aria-label={title} tabIndex={0}>
        <table className="table compare">
          <thead>
            <tr>
              <th scope="col">{texts.field}</th>
              <th scope="col">{texts.atClerk}</th>
              <th scope="col">{texts.inRow}</th>
              {shape && <th scope="col">{texts.inProfile}</th>}
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <Line key={line.field} line={line} hasProfiles={shape !== null} />
            ))}
          </tbody>
        </table>
      </section>
      {notes !== "" && <p className="soft small">{notes}</p>}
    </div>
  );
}

function Line({ line, hasProfiles }: { line: Comparison; hasProfiles: boolean }) {
  const texts = useTexts(userTexts);
  const names = useTexts(columnsTexts);
  const name = line.field === "otherEmails" ? texts.otherEmails : nameColumn(names, line.field);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td data-label={texts.atClerk} data-empty={isEmpty(line.atClerk) || undefined}>
        <Shown value={line.atClerk} isTime={line.isTime} />
      </td>
      <td
        data-label={texts.inRow}
        data-empty={isEmpty(line.inRow) || undefined}
        className={line.rowDiffers ? "differing" : undefined}
      >
        <span>
          <Shown value={line.inRow} isTime={line.isTime} />{" "}
          {line.rowDiffers && <Badge tone="warn">{texts.differs}</Badge>}
        </span>
      </td>
      {hasProfiles && (
        <td data-label={texts.inProfile} data-empty={isEmpty(line.inProfile) || undefined}>
          <span>
            <Shown value={line.inProfile} isTime={line.isTime} />{" "}
            {line.profileDiffers && <Badge>{texts.edited}</Badge>}
          </span>
        </td>
      )}
    </tr>
  );
}

function isEmpty(value: Value): value is undefined | null | "" {
  return value === undefined || value === null || value === "";
}

function Shown({ value, isTime }: { value: Value; isTime: boolean }) {
  const texts = useTexts(userTexts);
  const formats = useFormats();
  if (isEmpty(value)) return <span className="soft">–</span>;
  if (typeof value === "boolean") return value ? texts.yes : texts.no;
  // The app's column `ativo` holds these words.
  if (value === "sim") return texts.yes;
  if (value === "não" || value === "nao") return texts.no;
  if (typeof value === "number") return formats.number(value);
  return isTime ? formats.dateTime(value) : value;
}
