// Loaded into each child before its own code. The channel to the supervisor closes when that process is gone,
// killed with -9 included; then the child ends as if it had been told to. It lives here and not in the api and the
// worker, because in production nobody supervises them this way.

const graceMs = 10_000;

process.once("disconnect", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), graceMs).unref();
});
// The channel alone must not keep a child alive that is done.
process.channel?.unref();
