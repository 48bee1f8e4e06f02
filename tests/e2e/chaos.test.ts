import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { inject, test } from "vitest";
import type { Backend } from "../harness/backends.ts";

// More events and other seeds: npm run chaos -- --backend redis --seeds 1-10 --events 2000
const events = "600";
const seeds = { redis: "1-3", postgres: "1" } as const satisfies Record<Backend, string>;
/** Slack for a busy machine: what may take how long is in the laws of the run itself. */
const timeoutMs = 900_000;

const root = fileURLToPath(new URL("../../", import.meta.url));

for (const backend of ["redis", "postgres"] as const) {
  const isMissing = backend === "redis" && !inject("redisBinary");
  test.skipIf(isMissing)(
    `every invariant holds in chaos with queues on ${backend}${isMissing ? " (skipped: no redis-server on PATH)" : ""}`,
    () => playChaos(["--backend", backend, "--seeds", seeds[backend], "--events", events]),
    timeoutMs,
  );
}

/** In a process of its own, whose event loop no other test delays. */
async function playChaos(args: readonly string[]): Promise<void> {
  const child = spawn(
    process.execPath,
    ["--conditions=@rollcall/source", "--import", "tsx", "tests/chaos/main.ts", ...args],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(output);
}
