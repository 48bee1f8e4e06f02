import type { ColumnValue, ConflictDetail, ProfileShape } from "@rollcall/contracts";
import { keyFrom } from "../../api/profile-shape.ts";
import { useProfileShape } from "../../api/session.tsx";
import { Badge } from "../../design/badge.tsx";
import { shortenKey } from "../../design/row-key.ts";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { type ColumnTexts, columnsTexts } from "../users/columns-texts.ts";
import { nameColumn } from "../users/describe-filter.ts";
import "../../design/table.css";
import { conflictsTexts } from "./conflicts-texts.ts";

type Profile = ConflictDetail["candidates"][number];

const times = ["linkedAt", "createdAt", "updatedAt"] as const;

/** A line of the table: a field of the profiles, and what the user has for it. */
type Line = { field: string; label: string; ofUser?: string | null | undefined; isShared: boolean };

/** Name and email, which tell whose a profile is, and then the other fields that the profiles have. */
function listLines(
  user: ConflictDetail["user"],
  profiles: readonly (Profile | null)[],
  { shape, names }: { shape: ProfileShape | null; names: ColumnTexts },
): Line[] {
  const share = (from: "name" | "email"): Line => ({
    field: keyFrom(shape, from) ?? from,
    // Whatever the app calls the column.
    label: names[from],
    ofUser: user?.[from],
    isShared: true,
  });
  const shared = [share("name"), share("email")];
  const said = new Set<string | undefined>([
    ...["id", "userId", keyFrom(shape, "imageUrl"), ...times],
    ...shared.map(({ field }) => field),
  ]);
  const found = new Set(profiles.flatMap((profile) => Object.keys(profile ?? {})));
  const others = [...found].filter((field) => !said.has(field));
  return [...shared, ...others.map((field) => ({ field, label: nameColumn(names, field), isShared: false }))];
}

/** The user, the present profile and each candidate in a column of its own. */
export function Candidates({ conflict }: { conflict: ConflictDetail }) {
  const texts = useTexts(conflictsTexts);
  const names = useTexts(columnsTexts);
  const formats = useFormats();
  const { user, present, candidates, candidateIds } = conflict;
  const others = candidates.filter(({ id }) => id !== present?.id);
  const profiles: readonly (Profile | null)[] = [present, ...others];
  const gone = candidateIds.filter((id) => !candidates.some((candidate) => candidate.id === id));
  const shape = useProfileShape();
  const emailKey = keyFrom(shape, "email") ?? "email";
  const isKnown = (field: string) => profiles.some((profile) => profile !== null && field in profile);
  const heading = (profile: Profile | null) =>
    profile === present ? texts.present : texts.candidate(profile ? shortenKey(profile.id) : "–");
  return (
    <div className="stack tight">
      {/* A scrolling area must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="table-frame" aria-label={texts.candidates} tabIndex={0}>
        <table className="table candidates">
          <thead>
            <tr>
              <th scope="col">{texts.field}</th>
              <th scope="col">{texts.theUser}</th>
              {profiles.map((profile) => (
                <th key={profile?.id ?? "none"} scope="col" title={profile ? String(profile.id) : undefined}>
                  {heading(profile)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {listLines(user, profiles, { shape, names }).map(({ field, label, ofUser, isShared }) => (
              <tr key={field}>
                <th scope="row">{label}</th>
                <td data-label={texts.theUser} data-empty={isEmpty(ofUser) || undefined}>
                  {field === emailKey && user ? (
                    <span>
                      {user.email ?? "–"}{" "}
                      <Badge tone={user.emailVerified ? "good" : "warn"}>
                        {user.emailVerified ? texts.emailVerified : texts.emailUnverified}
                      </Badge>
                    </span>
                  ) : (
                    <Cell value={ofUser} other={undefined} />
                  )}
                </td>
                {profiles.map((profile) => (
                  <td
                    key={profile?.id ?? "none"}
                    data-label={heading(profile)}
                    data-empty={isEmpty(readField(profile, field)) || undefined}
                  >
                    <Cell value={readField(profile, field)} other={isShared ? ofUser : undefined} />
                  </td>
                ))}
              </tr>
            ))}
            {times.filter(isKnown).map((field) => (
              <tr key={field}>
                <th scope="row">{nameColumn(names, field)}</th>
                <td data-label={texts.theUser} data-empty>
                  <span className="soft">–</span>
                </td>
                {profiles.map((profile) => {
                  const at = profile?.[field];
                  return (
                    <td
                      key={profile?.id ?? "none"}
                      data-label={heading(profile)}
                      data-empty={isEmpty(at) || undefined}
                    >
                      {typeof at === "string" ? formats.dateTime(at) : "–"}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {gone.length > 0 && <p className="soft">{texts.gone(gone.map(shortenKey).join(", "))}</p>}
    </div>
  );
}

type Value = ColumnValue | undefined;

const isEmpty = (value: Value): value is null | undefined | "" =>
  value === undefined || value === null || value === "";

function readField(profile: Profile | null, field: string): Value {
  return Object.entries(profile ?? {}).find(([key]) => key === field)?.[1];
}

function Cell({ value, other }: { value: Value; other: string | null | undefined }) {
  const texts = useTexts(conflictsTexts);
  const formats = useFormats();
  if (isEmpty(value)) return <span className="soft">–</span>;
  const differs = other !== undefined && other !== null && other !== value;
  return (
    <span>
      {typeof value === "number" ? formats.number(value) : String(value)}{" "}
      {differs && <Badge tone="warn">{texts.differs}</Badge>}
    </span>
  );
}
