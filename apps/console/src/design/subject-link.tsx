import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTexts } from "../language/language.tsx";
import { commonTexts } from "./texts.ts";

export const isOrganizationId = (clerkId: string) => clerkId.startsWith("org_");

/** Leads to the page of the user or the organization of a Clerk id, which is shown if there is nothing else. */
export function SubjectLink({ clerkId, children }: { clerkId: string | null; children?: ReactNode }) {
  const texts = useTexts(commonTexts);
  if (clerkId === null) return <span className="soft">{texts.noValue}</span>;
  const shown = children ?? clerkId;
  const look = children === undefined ? { className: "code" } : {};
  return isOrganizationId(clerkId) ? (
    <Link to="/organizations/$clerkOrgId" params={{ clerkOrgId: clerkId }} {...look}>
      {shown}
    </Link>
  ) : (
    <Link to="/users/$clerkId" params={{ clerkId }} {...look}>
      {shown}
    </Link>
  );
}
