import type { ColumnsAnswer, UserEntry } from "@rollcall/contracts";
import { useMemo } from "react";
import { useProfileShape } from "../../api/session.tsx";
import { Badge } from "../../design/badge.tsx";
import { PersonLink } from "../../design/person-link.tsx";
import { shortenKey } from "../../design/row-key.ts";
import { type Column, type Selection, Table } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useTexts } from "../../language/language.tsx";
import { columnsTexts } from "./columns-texts.ts";
import { nameColumn } from "./describe-filter.ts";
import { type FilterValues, listMetadataColumns } from "./user-filter.ts";
import { UserState } from "./user-state.tsx";
import { usersTexts } from "./users-texts.ts";

type Props = {
  columns: ColumnsAnswer | undefined;
  filter: FilterValues;
  users: readonly UserEntry[];
  selection: Selection | undefined;
};

/** Columns that every list shows by itself. */
const shownAnyway = new Set(["state", "tier", "banned", "clerkCreatedAt"]);

/** The users that match. A column that the filter asks for gets a column of its own. */
export function UserTable({ columns, filter, users, selection }: Props) {
  const texts = useTexts(usersTexts);
  const names = useTexts(columnsTexts);
  const shape = useProfileShape();
  const extra = Object.keys(filter).join(" ");
  const shown = useMemo<Column<UserEntry>[]>(() => {
    const words: Record<string, string> = {
      true: texts.yes,
      false: texts.no,
      sim: texts.yes,
      não: texts.no,
      nao: texts.no,
    };
    const known = [...(columns?.users ?? []), ...(columns?.profile?.columns ?? [])].map(({ key }) => key);
    const wanted = new Set([...listMetadataColumns(shape), ...extra.split(" ")]);
    const further = [...wanted].filter((key) => known.includes(key) && !shownAnyway.has(key));
    // The app's table may have no column for the name.
    const hasNames = columns === undefined || known.includes("name");
    return [
      {
        key: "person",
        header: texts.person,
        cell: ({ clerkId, name }) => (
          <PersonLink clerkId={clerkId} name={name ?? (hasNames ? texts.noName : null)} />
        ),
      },
      { key: "email", header: texts.email, cell: ({ email }) => email ?? "–" },
      { key: "state", header: texts.state, cell: (user) => <UserState user={user} /> },
      { key: "tier", header: texts.tier, isShort: true, cell: ({ tier }) => tier },
      ...further.map(
        (key): Column<UserEntry> => ({
          key,
          header: nameColumn(names, key),
          cell: (user) => {
            const value = readColumn(user, key);
            return value === undefined ? "–" : (words[value] ?? value);
          },
        }),
      ),
      ...(shape
        ? [
            {
              key: "profile",
              header: texts.profile,
              cell: (user: UserEntry) => <Profile user={user} />,
            },
          ]
        : []),
      {
        key: "signedUp",
        header: texts.signedUp,
        cell: ({ clerkCreatedAt, createdAt }) => <Time at={clerkCreatedAt ?? createdAt} />,
      },
    ];
  }, [columns, extra, texts, names, shape]);
  return (
    <Table
      label={texts.title}
      columns={shown}
      rows={users}
      rowKey={({ clerkId }) => clerkId}
      rowName={({ name, clerkId }) => name ?? clerkId}
      selection={selection}
      whyNotSelected={({ deletedAt }) => (deletedAt === null ? undefined : texts.deletedStays)}
      empty={null}
    />
  );
}

function readColumn(user: UserEntry, key: string): string | undefined {
  const own = key in user ? user[key as keyof UserEntry] : undefined;
  const value = typeof own === "object" ? undefined : (own ?? user.columns[key] ?? user.profile?.[key]);
  return value === null || value === undefined ? undefined : String(value);
}

function Profile({ user }: { user: UserEntry }) {
  const texts = useTexts(usersTexts);
  if (user.mentoradoId !== null)
    return <span title={String(user.mentoradoId)}>#{shortenKey(user.mentoradoId)}</span>;
  const isNeeded = user.role !== "admin" && user.deletedAt === null && !user.banned;
  return isNeeded ? (
    <Badge tone="warn">{texts.noProfile}</Badge>
  ) : (
    <span className="soft">{texts.noProfileNeeded}</span>
  );
}
