import type { ClerkSimulator } from "@rollcall/clerk-simulator";

export type ClerkPatch = NonNullable<Parameters<ClerkSimulator["users"]["create"]>[0]>;

export type Status = "verified" | "unverified" | "expired";

/** What happens to a user at Clerk. An address that is added or judged keeps the others. */
export type ClerkChange =
  | { set: ClerkPatch }
  | { primaryBecomes: Status }
  | { secondary: { address: string; status: Status } };

/** What the app and its people do to their own tables. */
export type AppStep =
  | { app: "waiting"; email: string }
  | { app: "edit"; who: number; nome: string; metaLeads: number }
  | { app: "tier"; who: number; tier: string }
  | { app: "role"; who: number; role: string }
  /** Null: with the address that the person signed up with. */
  | { app: "give"; who: number; email: string | null };

/** One sync job as a queue hands it to a worker. `former`: about the account the person had before. */
export type Delivery = {
  kind: "refresh" | "provision" | "delete";
  who: number;
  former: boolean;
  worker: number;
  look: number;
};

export type Step =
  | { clerk: "change"; who: number; change: ClerkChange; keepStamp: boolean }
  | { clerk: "sign-up"; who: number }
  | { clerk: "leave"; who: number }
  | AppStep
  /** All at once: the sync jobs, what the app does meanwhile, and perhaps every read that was held back. */
  | { deliver: readonly Delivery[]; meanwhile: AppStep | null; withHeld: boolean }
  /** Looks whose request to Clerk (`before`), or whose answer (`after`), is held back until released. */
  | { hold: readonly number[]; worker: number; point: "before" | "after" }
  | { release: number }
  | { pass: true };

export type History = { people: readonly ClerkPatch[]; steps: readonly Step[] };
