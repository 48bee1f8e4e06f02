import type { ClerkUserView, UserReport } from "@rollcall/contracts";

/** A value of one of the three sources. `undefined`: the source has no such field, or does not know the user. */
export type Value = string | number | boolean | null | undefined;

/** A field with its value at Clerk, in the user's row and in the profile. */
export type Comparison = {
  /** A key of the column texts, or of the fields that only Clerk has. */
  field: string;
  atClerk: Value;
  inRow: Value;
  inProfile: Value;
  /** The row lacks what Clerk has: the next refresh writes it. */
  rowDiffers: boolean;
  /** People edit profiles, and Rollcall never writes over what they wrote. */
  profileDiffers: boolean;
  isTime: boolean;
};

type Report = Pick<UserReport, "user" | "mentorado" | "clerkUser" | "differences">;

/** Lays the three sources side by side, the fields that are the same thing in one line. */
export function compareSources({ user, mentorado, clerkUser, differences }: Report): Comparison[] {
  const differing = new Set(differences?.map(({ column }) => column));
  const line = (
    field: string,
    values: { atClerk?: Value; inRow?: Value; inProfile?: Value; isTime?: boolean },
  ): Comparison => {
    const { atClerk, inRow, inProfile, isTime = false } = values;
    const other = inRow === undefined ? atClerk : inRow;
    return {
      ...{ field, atClerk, inRow, inProfile, isTime },
      rowDiffers: differing.has(field),
      profileDiffers: inProfile !== undefined && other !== undefined && inProfile !== other,
    };
  };
  const primary = clerkUser?.emails.find((email) => email.primary);
  return [
    line("name", { atClerk: nameAtClerk(clerkUser), inRow: user?.name, inProfile: mentorado?.nomeCompleto }),
    line("email", {
      atClerk: clerkUser ? (primary?.email ?? null) : undefined,
      inRow: user?.email,
      inProfile: mentorado?.email,
    }),
    line("emailVerified", {
      atClerk: clerkUser ? (primary?.verified ?? false) : undefined,
      inRow: user?.emailVerified,
    }),
    line("otherEmails", { atClerk: otherEmails(clerkUser) }),
    line("imageUrl", { atClerk: clerkUser?.imageUrl, inRow: user?.imageUrl, inProfile: mentorado?.fotoUrl }),
    line("role", { atClerk: toText(clerkUser?.role), inRow: user?.role }),
    line("roleSource", { inRow: user?.roleSource }),
    line("banned", { atClerk: clerkUser?.banned, inRow: user?.banned }),
    line("tier", { inRow: user?.tier }),
    line("turma", { atClerk: toText(clerkUser?.turma), inProfile: mentorado?.turma }),
    line("ativo", { inProfile: mentorado?.ativo }),
    line("metaFaturamento", { inProfile: mentorado?.metaFaturamento }),
    line("metaLeads", { inProfile: mentorado?.metaLeads }),
    line("metaProcedimentos", { inProfile: mentorado?.metaProcedimentos }),
    line("metaPosts", { inProfile: mentorado?.metaPosts }),
    line("metaStories", { inProfile: mentorado?.metaStories }),
    line("clerkCreatedAt", { atClerk: clerkUser?.createdAt, inRow: user?.clerkCreatedAt, isTime: true }),
    line("clerkUpdatedAt", { atClerk: clerkUser?.updatedAt, inRow: user?.clerkUpdatedAt, isTime: true }),
    line("createdAt", { inRow: user?.createdAt, inProfile: mentorado?.createdAt, isTime: true }),
    line("updatedAt", { inRow: user?.updatedAt, inProfile: mentorado?.updatedAt, isTime: true }),
    line("linkedAt", { inProfile: mentorado?.linkedAt, isTime: true }),
    line("deletedAt", { inRow: user?.deletedAt, isTime: true }),
  ]
    .map(forgetTimesThatNeedNotAgree)
    .filter(({ atClerk, inRow, inProfile }) => [atClerk, inRow, inProfile].some(isValue));
}

/** Row and profile are made and changed at times of their own. A turma at Clerk counts once, when the profile is made. */
function forgetTimesThatNeedNotAgree(comparison: Comparison): Comparison {
  const isFree = ["createdAt", "updatedAt", "turma"].includes(comparison.field);
  return isFree ? { ...comparison, profileDiffers: false } : comparison;
}

function isValue(value: Value): boolean {
  return value !== undefined && value !== null && value !== "";
}

function nameAtClerk(clerkUser: ClerkUserView | null): Value {
  if (!clerkUser) return undefined;
  const name = [clerkUser.firstName, clerkUser.lastName].filter(Boolean).join(" ");
  return name === "" ? clerkUser.username : name;
}

function otherEmails(clerkUser: ClerkUserView | null): Value {
  return clerkUser?.emails.flatMap(({ email, primary }) => (primary ? [] : [email])).join(", ");
}

/** Public metadata is any JSON. */
function toText(value: unknown): Value {
  if (value === null || value === undefined) return value;
  return typeof value === "string" ? value : JSON.stringify(value);
}
