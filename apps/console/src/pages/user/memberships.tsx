import type { UserMembership, UserMemberships } from "@rollcall/contracts";
import { useMemo } from "react";
import { PersonLink } from "../../design/person-link.tsx";
import { Empty } from "../../design/states.tsx";
import { type Column, Table } from "../../design/table.tsx";
import { useTexts } from "../../language/language.tsx";
import { useMembershipColumns } from "../organization/membership-columns.tsx";
import { organizationTexts } from "../organization/organization-texts.ts";
import { userTexts } from "./user-texts.ts";

/** The organizations of a user. */
export function Memberships({ memberships: { items, more } }: { memberships: UserMemberships }) {
  const texts = useTexts(userTexts);
  const { organization } = useTexts(organizationTexts);
  const common = useMembershipColumns();
  const columns = useMemo<Column<UserMembership>[]>(
    () => [
      {
        key: "organization",
        header: organization,
        cell: ({ clerkOrgId, name }) => <PersonLink clerkId={clerkOrgId} name={name} />,
      },
      ...common,
    ],
    [organization, common],
  );
  return (
    <div className="stack tight">
      <h2>{texts.memberships}</h2>
      <Table
        label={texts.memberships}
        columns={columns}
        rows={items}
        rowKey={({ clerkOrgId }) => clerkOrgId}
        empty={<Empty>{texts.noMemberships}</Empty>}
      />
      {more && <p className="soft small">{texts.moreMemberships}</p>}
    </div>
  );
}
