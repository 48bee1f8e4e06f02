import type { ClerkUserView, ProfileShape, UserReport } from "@rollcall/contracts";
import { keyFrom } from "../../api/profile-shape.ts";

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

/** Fields that the profile has from Clerk, as the row does. In others, row and profile may say what they like. */
const shared = ["name", "email", "imageUrl"] as const;

/**
 * Lays the three sources side by side, the fields that are the same thing in one line.
 *
 * @param shape which columns of the profile are the name, the email and the image
 */
export function compareSources(
  { user, mentorado, clerkUser, differences }: Report,
  shape: ProfileShape | null,
): Comparison[] {
  const differing = new Set(differences?.map(({ column }) => column));
  const ofProfile = nameFields(mentorado, shape);
  const line = (
    field: string,
    values: { atClerk?: Value; inRow?: Value; isTime?: boolean } = {},
  ): Comparison => {
    const { atClerk, inRow, isTime = false } = values;
    const inProfile = ofProfile.get(field);
    ofProfile.delete(field);
    // The app's table may lack the column. Then the profile has the value of Clerk alone.
    const other = isValue(inRow) ? inRow : (atClerk ?? inRow);
    const isShared = shared.some((one) => one === field);
    return {
      ...{ field, atClerk, inRow, inProfile, isTime },
      rowDiffers: differing.has(field),
      profileDiffers: isShared && inProfile !== undefined && other !== undefined && inProfile !== other,
    };
  };
  const primary = clerkUser?.emails.find((email) => email.primary);
  const ofUser = [
    line("name", { atClerk: nameAtClerk(clerkUser), inRow: user?.name }),
    line("email", { atClerk: clerkUser ? (primary?.email ?? null) : undefined, inRow: user?.email }),
    line("emailVerified", {
      atClerk: clerkUser ? (primary?.verified ?? false) : undefined,
      inRow: user?.emailVerified,
    }),
    line("otherEmails", { atClerk: otherEmails(clerkUser) }),
    line("imageUrl", { atClerk: clerkUser?.imageUrl, inRow: user?.imageUrl }),
    line("role", { atClerk: toText(clerkUser?.role), inRow: user?.role }),
    line("roleSource", { inRow: user?.roleSource }),
    line("banned", { atClerk: clerkUser?.banned, inRow: user?.banned }),
    line("tier", { inRow: user?.tier }),
  ];
  // These values count once, when the profile is made.
  const metadata = Object.entries(clerkUser?.metadata ?? {})
    .filter(([key]) => ofUser.every(({ field }) => field !== key))
    .map(([key, value]) => line(key, { atClerk: toText(value) }));
  const times = [
    line("clerkCreatedAt", { atClerk: clerkUser?.createdAt, inRow: user?.clerkCreatedAt, isTime: true }),
    line("clerkUpdatedAt", { atClerk: clerkUser?.updatedAt, inRow: user?.clerkUpdatedAt, isTime: true }),
    line("createdAt", { inRow: user?.createdAt, isTime: true }),
    line("updatedAt", { inRow: user?.updatedAt, isTime: true }),
    line("linkedAt", { isTime: true }),
    line("deletedAt", { inRow: user?.deletedAt, isTime: true }),
  ];
  const others = [...ofProfile.keys()].map((field) => line(field));
  return [...ofUser, ...metadata, ...others, ...times].filter(({ atClerk, inRow, inProfile }) =>
    [atClerk, inRow, inProfile].some(isValue),
  );
}

/** The profile's values by the names of lines: the app calls a name as it likes. Keys say nothing that the row does not. */
function nameFields(profile: UserReport["mentorado"], shape: ProfileShape | null): Map<string, Value> {
  const names = new Map(shared.map((field) => [keyFrom(shape, field), field]));
  const fields = Object.entries(profile ?? {}).filter(([key]) => key !== "id" && key !== "userId");
  return new Map(fields.map(([key, value]) => [names.get(key) ?? key, value]));
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
