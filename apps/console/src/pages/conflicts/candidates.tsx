import type { ColumnValue, ConflictDetail } from "@rollcall/contracts";
import { Badge } from "../../design/badge.tsx";
import { useFormats } from "../../language/formats.ts";
import { useTexts } from "../../language/language.tsx";
import { columnsTexts } from "../users/columns-texts.ts";
import "../../design/table.css";
import { conflictsTexts } from "./conflicts-texts.ts";

type Profile = ConflictDetail["candidates"][number];

const known = [
  "nomeCompleto",
  "email",
  "turma",
  "ativo",
  "metaFaturamento",
  "metaLeads",
  "metaProcedimentos",
  "metaPosts",
  "metaStories",
];
const times = ["linkedAt", "createdAt", "updatedAt"] as const;
const hidden = new Set<string>(["id", "userId", "fotoUrl", ...times]);

/** The default table's fields in their order; under another mapping, the fields that the profiles have. */
function listFields(profiles: readonly (Profile | null)[]): string[] {
  const found = new Set(profiles.flatMap((profile) => Object.keys(profile ?? {})));
  const others = [...found].filter((field) => !hidden.has(field) && !known.includes(field));
  return [...known.filter((field) => found.size === 0 || found.has(field)), ...others];
}

/** The user, the present profile and each candidate in a column of its own. */
export function Candidates({ conflict }: { conflict: ConflictDetail }) {
  const texts = useTexts(conflictsTexts);
  const names: Readonly<Record<string, string>> = useTexts(columnsTexts);
  const formats = useFormats();
  const { user, present, candidates, candidateIds } = conflict;
  const others = candidates.filter(({ id }) => id !== present?.id);
  const profiles: readonly (Profile | null)[] = [present, ...others];
  const gone = candidateIds.filter((id) => !candidates.some((candidate) => candidate.id === id));
  const ofUser: Readonly<Record<string, string | null | undefined>> = {
    nomeCompleto: user?.name,
    email: user?.email,
  };
  const heading = (profile: Profile | null) =>
    profile === present ? texts.present : texts.candidate(String(profile?.id));
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
                <th key={profile?.id ?? "none"} scope="col">
                  {heading(profile)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {listFields(profiles).map((field) => (
              <tr key={field}>
                <th scope="row">{names[field] ?? field}</th>
                <td data-label={texts.theUser} data-empty={!ofUser[field] || undefined}>
                  {field === "email" && user ? (
                    <span>
                      {user.email ?? "–"}{" "}
                      <Badge tone={user.emailVerified ? "good" : "warn"}>
                        {user.emailVerified ? texts.emailVerified : texts.emailUnverified}
                      </Badge>
                    </span>
                  ) : field === "nomeCompleto" ? (
                    (user?.name ?? "–")
                  ) : (
                    <span className="soft">–</span>
                  )}
                </td>
                {profiles.map((profile) => (
                  <td
                    key={profile?.id ?? "none"}
                    data-label={heading(profile)}
                    data-empty={isEmpty(readField(profile, field)) || undefined}
                  >
                    <Cell
                      value={readField(profile, field)}
                      other={field === "email" || field === "nomeCompleto" ? ofUser[field] : undefined}
                    />
                  </td>
                ))}
              </tr>
            ))}
            {times.map((field) => (
              <tr key={field}>
                <th scope="row">{names[field]}</th>
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
      {gone.length > 0 && <p className="soft">{texts.gone(gone.join(", "))}</p>}
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
