/** A user as Clerk's Backend API serialises it (API version 2026-05-12), with the fields that tests use. */
export type ClerkUser = {
  id: string;
  object: "user";
  username: string | null;
  first_name: string | null;
  last_name: string | null;
  locale: string | null;
  image_url: string;
  has_image: boolean;
  primary_email_address_id: string | null;
  primary_phone_number_id: string | null;
  primary_web3_wallet_id: string | null;
  password_enabled: boolean;
  two_factor_enabled: boolean;
  totp_enabled: boolean;
  backup_code_enabled: boolean;
  email_addresses: ClerkEmailAddress[];
  phone_numbers: { id: string; phone_number: string }[];
  web3_wallets: { id: string; web3_wallet: string }[];
  passkeys: unknown[];
  organization_memberships: null;
  external_accounts: { id: string; provider: string; email_address: string }[];
  enterprise_accounts: unknown[];
  saml_accounts: unknown[];
  password_last_updated_at: number | null;
  public_metadata: Record<string, unknown>;
  private_metadata: Record<string, unknown> | null;
  unsafe_metadata: Record<string, unknown>;
  external_id: string | null;
  last_sign_in_at: number | null;
  banned: boolean;
  locked: boolean;
  lockout_expires_in_seconds: number | null;
  verification_attempts_remaining: number | null;
  /** Times are in milliseconds since the epoch. */
  created_at: number;
  updated_at: number;
  last_active_at: number | null;
  mfa_enabled_at: number | null;
  mfa_disabled_at: number | null;
  legal_accepted_at: number | null;
  delete_self_enabled: boolean;
  create_organization_enabled: boolean;
  create_organizations_limit: number | null;
};

export type ClerkEmailAddress = {
  id: string;
  object: "email_address";
  email_address: string;
  reserved: boolean;
  verification: ClerkVerification | null;
  linked_to: { id: string; type: string }[];
  matches_sso_connection: boolean;
  created_at: number;
  updated_at: number;
};

export type ClerkVerification = {
  object: "verification_otp";
  status: "unverified" | "verified" | "expired";
  strategy: string;
  attempts: number | null;
  expire_at: number | null;
};

/** A user with only an id and a sign-up time. */
export function emptyUser(id: string, createdAtMs: number): ClerkUser {
  return {
    id,
    object: "user",
    username: null,
    first_name: null,
    last_name: null,
    locale: null,
    image_url: `https://img.clerk.com/${id}`,
    has_image: false,
    primary_email_address_id: null,
    primary_phone_number_id: null,
    primary_web3_wallet_id: null,
    password_enabled: false,
    two_factor_enabled: false,
    totp_enabled: false,
    backup_code_enabled: false,
    email_addresses: [],
    phone_numbers: [],
    web3_wallets: [],
    passkeys: [],
    organization_memberships: null,
    external_accounts: [],
    enterprise_accounts: [],
    saml_accounts: [],
    password_last_updated_at: null,
    public_metadata: {},
    private_metadata: {},
    unsafe_metadata: {},
    external_id: null,
    last_sign_in_at: null,
    banned: false,
    locked: false,
    lockout_expires_in_seconds: null,
    verification_attempts_remaining: 100,
    created_at: createdAtMs,
    updated_at: createdAtMs,
    last_active_at: null,
    mfa_enabled_at: null,
    mfa_disabled_at: null,
    legal_accepted_at: null,
    delete_self_enabled: true,
    create_organization_enabled: true,
    create_organizations_limit: null,
  };
}

/** The addresses of a user. A test may have replaced the list; any other value counts as no address. */
export function addressesOf(user: ClerkUser): ClerkEmailAddress[] {
  const entries: unknown = user.email_addresses;
  return Array.isArray(entries) ? entries.filter((entry) => typeof entry?.email_address === "string") : [];
}

/** An entry of `email_addresses`. */
export function emailAddress(
  id: string,
  address: string,
  status: ClerkVerification["status"],
  createdAtMs: number,
): ClerkEmailAddress {
  return {
    id,
    object: "email_address",
    email_address: address,
    reserved: false,
    verification: {
      object: "verification_otp",
      status,
      strategy: "email_code",
      attempts: 1,
      expire_at: createdAtMs + 600_000,
    },
    linked_to: [],
    matches_sso_connection: false,
    created_at: createdAtMs,
    updated_at: createdAtMs,
  };
}

/** The name of a user on the page and in the terminal. */
export function nameOf(user: ClerkUser): string {
  const full = [user.first_name, user.last_name].filter(Boolean).join(" ");
  return full || user.username || findEmail(user) || user.id;
}

/** The primary address of a user. */
export function findEmail(user: ClerkUser): string | null {
  const primary = addressesOf(user).find((email) => email.id === user.primary_email_address_id);
  return primary?.email_address ?? null;
}
