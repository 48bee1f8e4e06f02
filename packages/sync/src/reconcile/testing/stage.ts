import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { inject } from "vitest";
import { createReconciler, type Reconciler, type ReconcilerOptions } from "./reconciler.ts";

/** A fresh database, its own Clerk simulator, and a reconciler between them. */
export type Stage = {
  databaseUrl: string;
  db: Pool;
  clerk: ClerkSimulator;
  reconciler: Reconciler;
  close(): Promise<void>;
};

export async function openStage(
  options: ReconcilerOptions & Parameters<typeof startClerkSimulator>[0] = {},
): Promise<Stage> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const db = createPool({
    databaseUrl,
    ...(options.mapping && { mapping: options.mapping }),
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(db);
  const clerk = await startClerkSimulator({ rateLimit: null, ...options });
  const reconciler = createReconciler(databaseUrl, clerk, options);
  return {
    databaseUrl,
    db,
    clerk,
    reconciler,
    close: async () => {
      await clerk.faults.heal();
      await Promise.all([db.end(), reconciler.close(), clerk.stop()]);
    },
  };
}
