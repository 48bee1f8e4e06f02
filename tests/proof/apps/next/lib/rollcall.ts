import { auth } from "@clerk/nextjs/server";
import { createRollcallClient } from "@rollcall/client";
import { createProvisioning } from "@rollcall/client/next";
import { redirect } from "next/navigation";
import { cache } from "react";
import { findProfile } from "../../database";

const provisioning = createProvisioning({
  client: createRollcallClient({ baseUrl: process.env.ROLLCALL_URL ?? "", retryDelaysMs: [] }),
  identify: () => auth(),
  find: (clerkId) => findProfile(clerkId),
  onUnauthenticated: () => redirect("/sign-in"),
});

export const { withProvisioned } = provisioning;
/** One call per request for any number of layouts, pages and components. */
export const requireProvisioned = cache(provisioning.requireProvisioned);
