import type { UserProvisioning } from "@rollcall/client/react";
import type { TextKey } from "../language/texts.ts";

export type Toast = {
  tone: "busy" | "good" | "bad";
  text: Extract<TextKey, "preparing" | "stillPreparing" | "created" | "failed" | "tryingAgain">;
};

/** Decides the toast for a state of provisioning; null for no toast. */
export function decideToast(provisioning: UserProvisioning): Toast | null {
  switch (provisioning.status) {
    case "unprovisioned":
      return provisioning.error && { tone: "bad", text: "failed" };
    case "provisioning":
      if (provisioning.error) return { tone: "busy", text: "tryingAgain" };
      return { tone: "busy", text: provisioning.attempt > 1 ? "stillPreparing" : "preparing" };
    case "provisioned":
      // The profile is also new when the webhook was faster than the page.
      return provisioning.created || provisioning.welcome ? { tone: "good", text: "created" } : null;
    default:
      return provisioning satisfies never;
  }
}
