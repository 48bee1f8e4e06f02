import type { OrganizationMember } from "@rollcall/contracts";
import { useMemo } from "react";
import { Badge } from "../../design/badge.tsx";
import type { Column } from "../../design/table.tsx";
import { Time } from "../../design/time.tsx";
import { useTexts } from "../../language/language.tsx";
import { organizationTexts } from "./organization-texts.ts";

type Membership = Pick<OrganizationMember, "role" | "hasRow" | "held" | "clerkCreatedAt">;

/** What the members of an organization and the memberships of a user have in common. */
export function useMembershipColumns(): Column<Membership>[] {
  const texts = useTexts(organizationTexts);
  return useMemo(
    () => [
      {
        key: "role",
        header: texts.role,
        cell: ({ role }) => (role === null ? <span className="soft">–</span> : <code>{role}</code>),
      },
      {
        key: "since",
        header: texts.since,
        cell: ({ clerkCreatedAt }) => <Time at={clerkCreatedAt} />,
      },
      { key: "state", header: texts.state, cell: (membership) => <MembershipState {...membership} /> },
    ],
    [texts],
  );
}

function MembershipState({ held, hasRow }: Membership) {
  const texts = useTexts(organizationTexts);
  if (held) return <Badge tone="warn">{texts.endHeld}</Badge>;
  if (!hasRow) return <Badge tone="warn">{texts.rowMissing}</Badge>;
  return <Badge tone="good">{texts.inPlace}</Badge>;
}
