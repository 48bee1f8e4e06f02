import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findRedisServer, startRedis, startTemporaryPostgres } from "@rollcall/local-services";
import { test } from "vitest";
import { makeProcessFolder, runProcess } from "../../harness/process.ts";
import { waitFor } from "../../harness/wait-for.ts";

test("starts processes that never end by themselves", async () => {
  const binary = findRedisServer(process.env["PATH"]);
  const redis = binary === undefined ? undefined : await startRedis({ binary });
  const postgres = await startTemporaryPostgres();
  const folder = makeProcessFolder();
  const script = join(folder, "deaf.mjs");
  writeFileSync(
    script,
    `for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
     setInterval(() => {}, 1_000);
     console.log("deaf");`,
  );
  const deaf = runProcess(script, {});
  await waitFor("a process that ignores signals", async () => (deaf.output() ? true : undefined));
  const pids = [process.pid, deaf.child.pid, postgres.pid, redis?.pid].filter((pid) => pid !== undefined);
  const out = process.env["STARTED_FILE"] ?? "";
  writeFileSync(`${out}.new`, JSON.stringify({ pids, folder }));
  renameSync(`${out}.new`, out);
  await new Promise(() => {});
});
