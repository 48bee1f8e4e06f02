import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

// A soak preloads this module into its processes. On SIGUSR2, a process collects its garbage and writes its memory to the
// file of the parameter `to`. With free memory, V8 collects less often than once a soak, and the garbage would look like
// a leak. The inspector's collection, unlike gc(), runs on an empty stack and returns freed memory to the machine.
const inspector = new Session();
inspector.connect();
const file = new URL(import.meta.url).searchParams.get("to") ?? "";

process.on("SIGUSR2", async () => {
  await inspector.post("HeapProfiler.collectGarbage");
  const { heapUsed, external, rss } = process.memoryUsage();
  // The rename lets a reader find either the old file or the whole new one.
  writeFileSync(
    `${file}.next`,
    JSON.stringify({ atMs: Date.now(), live: heapUsed + external, resident: rss }),
  );
  renameSync(`${file}.next`, file);
});
