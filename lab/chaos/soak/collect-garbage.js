import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

// Loaded before a process that is soaked. V8 collects when it must, and with room to spare that takes longer than a
// soak: garbage that waits would look like a leak. Whoever signals finds what is left in the file that `to` names.
// The inspector's collection, unlike gc(), runs on an empty stack and gives the room it freed back to the machine.
const inspector = new Session();
inspector.connect();
const file = new URL(import.meta.url).searchParams.get("to") ?? "";

process.on("SIGUSR2", async () => {
  await inspector.post("HeapProfiler.collectGarbage");
  const { heapUsed, external, rss } = process.memoryUsage();
  // Whoever reads it finds all of it, or what was before.
  writeFileSync(
    `${file}.next`,
    JSON.stringify({ atMs: Date.now(), live: heapUsed + external, resident: rss }),
  );
  renameSync(`${file}.next`, file);
});
