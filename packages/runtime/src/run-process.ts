import { EnvironmentError, toPrintableLines } from "@rollcall/contracts";
import { createRedactor, type Logger } from "@rollcall/observability";
import type { FastifyInstance } from "fastify";

/** Longer than a job or a request takes. */
const longestStopMs = 20_000;

class PortInUse extends Error {}

/**
 * @param portVariable the variable to change when the port is in use
 * @returns the server's URL
 */
export async function listen(
  app: FastifyInstance,
  { host, port, portVariable }: { host: string; port: number; portVariable: string },
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE")
      throw new PortInUse(`The port is in use: set ${portVariable} to another one`);
    throw error;
  }
}

/** A program that runs until it is stopped. */
export type RunningProgram = {
  log: Logger;
  /** Finishes what is under way and closes everything. */
  stop(): Promise<void>;
};

/**
 * Runs a program until SIGTERM or SIGINT stops it. A second signal ends the process at once.
 *
 * Exit codes: 0 after an orderly stop; 1 when the program did not start, did not stop within 20 s, or got a second signal.
 *
 * @param name for messages, e.g. `api`
 * @param secrets replaced in the text of a failed start
 */
export async function runProcess(
  name: string,
  secrets: readonly string[],
  start: () => Promise<RunningProgram>,
): Promise<void> {
  let stopping = false;
  const started = (async () => start())();
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    // A queue whose database is away or frozen never closes. Another process runs its jobs again.
    setTimeout(() => process.exit(1), longestStopMs).unref();
    const program = await started;
    program.log.info({ signal }, "Stopping: finishing what is under way");
    await program.stop();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  try {
    await started;
  } catch (error) {
    const redact = createRedactor(secrets);
    process.stderr.write(`${toPrintableLines(redact(describeStartError(error, name)))}\n`);
    process.exit(1);
  }
}

function describeStartError(error: unknown, name: string): string {
  if (!(error instanceof Error)) return `The ${name} did not start`;
  if (error instanceof EnvironmentError || error instanceof PortInUse) return error.message;
  return `The ${name} did not start: ${error.message}`;
}
