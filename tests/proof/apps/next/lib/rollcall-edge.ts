import { auth } from "@clerk/nextjs/server";
import { createRollcallClient } from "@rollcall/client";
import { createProvisioning } from "@rollcall/client/next";

/** Without `find`, because no driver of Postgres runs on the edge. Each request calls Rollcall. */
export const { requireProvisioned } = createProvisioning({
  client: createRollcallClient({ baseUrl: process.env.ROLLCALL_URL ?? "", retryDelaysMs: [] }),
  identify: () => auth(),
});
