import type { OrganizationReport } from "@rollcall/contracts";
import { Badge } from "../../design/badge.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { organizationTexts } from "./organization-texts.ts";
import "../../design/table.css";
import "../user/user.css";

type Line = {
  field: "name" | "slug" | "members" | "created" | "updated";
  atClerk: string | null;
  here: string | null;
};

/** The organization at Clerk and its row, with what differs marked in words. A field that is not mapped differs never. */
export function OrganizationAtClerk({ report }: { report: OrganizationReport }) {
  const texts = useTexts(organizationTexts);
  const formats = useFormats();
  const { clerk, clerkError, clerkOrganization: there, organization: row, hasRow } = report;
  const time = (at: string | null | undefined) => (at ? formats.dateTime(at) : null);
  const number = (count: number | null | undefined) => (count == null ? null : formats.number(count));
  const members = row?.members ?? { count: 0, more: false };
  const count = formats.number(members.count);
  const lines: Line[] = [
    { field: "name", atClerk: there?.name ?? null, here: row?.name ?? null },
    { field: "slug", atClerk: there?.slug ?? null, here: row?.slug ?? null },
    {
      field: "members",
      atClerk: number(there?.membersCount),
      here: members.more ? texts.moreThan(count) : count,
    },
    { field: "created", atClerk: time(there?.createdAt), here: time(row?.clerkCreatedAt) },
    { field: "updated", atClerk: time(there?.updatedAt), here: time(row?.clerkUpdatedAt) },
  ];
  return (
    <div className="stack tight">
      <h2>{texts.compare}</h2>
      {clerk === "unknown" && (
        <p>
          {clerkError === null ? texts.clerkNotConfigured : texts.clerkUnknown}{" "}
          {clerkError !== null && <code>{clerkError}</code>}
        </p>
      )}
      {clerk === "absent" && <p>{texts.clerkAbsent}</p>}
      {!hasRow && <p>{texts.noRow}</p>}
      {/* A scrolling area must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="table-frame" aria-label={texts.compare} tabIndex={0}>
        <table className="table compare">
          <thead>
            <tr>
              <th scope="col">{texts.field}</th>
              <th scope="col">{texts.atClerk}</th>
              <th scope="col">{texts.here}</th>
            </tr>
          </thead>
          <tbody>
            {lines.map(({ field, atClerk, here }) => {
              const differs = !(field === "members" && members.more) && differ(atClerk, here);
              return (
                <tr key={field}>
                  <th scope="row">{texts[field]}</th>
                  <td data-label={texts.atClerk} data-empty={atClerk === null || undefined}>
                    {atClerk ?? <span className="soft">–</span>}
                  </td>
                  <td
                    data-label={texts.here}
                    data-empty={here === null || undefined}
                    className={differs ? "differing" : undefined}
                  >
                    <span>
                      {here ?? <span className="soft">–</span>}{" "}
                      {differs && <Badge tone="warn">{texts.differs}</Badge>}
                    </span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </div>
  );
}

const differ = (atClerk: string | null, here: string | null) =>
  atClerk !== null && here !== null && atClerk !== here;
