// Loaded into each child before its own code. The channel to the supervisor closes when the supervisor ends, also by
// kill -9. The child then ends as after a SIGTERM. This code is not part of api and worker, because in production no
// such supervisor runs.

const graceMs = 10_000;

process.once("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), graceMs).unref();
});
// The channel alone must not keep a finished child alive.
process.channel?.unref();
