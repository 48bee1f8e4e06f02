import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectClerkSimulator } from "@rollcall/clerk-simulator";
import { removePostgres } from "@rollcall/local-services";
import { describe, expect, test } from "vitest";
import {
  readPerson,
  startStandalone,
  untilFirstFullSync,
  untilProvisioned,
  untilSaid,
} from "../harness/standalone.ts";

/** The syncs start every 20 seconds, and the test waits for four of them. */
const timeout = 240_000;

describe("npm start, while no user logs in", { timeout }, () => {
  test("a user whose webhooks were lost is provisioned, updated and deleted by the syncs, and the output says so", async () => {
    const dir = await mkdtemp(join(tmpdir(), "rollcall-standalone-"));
    const system = await startStandalone(dir, { RECONCILE_CATCHUP_EVERY_MS: "" });
    const clerk = await connectClerkSimulator(system.pageUrl);
    const leaver = await clerk.users.create({ firstName: "Leaver" });
    await untilProvisioned(system, leaver.id);
    await untilFirstFullSync(system);
    await clerk.webhooks.disturb({ loseNext: 2 });
    const lost = await clerk.users.create({ firstName: "Lost" });
    await clerk.users.update(leaver.id, { firstName: "Renamed" });
    await untilSaid(system, /Lost provisioned .* by the catch-up/, 60_000);
    await untilSaid(system, /Renamed is in step \(by the catch-up\)/);
    expect((await readPerson(system, lost.id))?.cause).toBe("catch-up");
    // Three incremental syncs in a row that count one user too many start a full sync.
    await clerk.users.delete(leaver.id, { silent: true });
    await untilSaid(system, /Renamed has only a tombstone left \(by the full sync\)/, 180_000);
    await untilSaid(system, /A full sync compared every user with Clerk, 1 in all: 1 corrected/);
    await system.stop();
    await removePostgres(join(dir, "postgres"));
    await rm(dir, { recursive: true, force: true });
  });
});
