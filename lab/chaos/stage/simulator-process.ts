import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connectClerkSimulator, type RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { z } from "zod";

const entry = fileURLToPath(new URL("../../../packages/clerk-simulator/dist/main.js", import.meta.url));

export type SimulatorProcess = { clerk: RemoteClerkSimulator; stop(): Promise<void> };

/** Clerk in a process of its own, without a rate limit and without an endpoint: what it would send, we send. */
export async function startSimulatorProcess(secretKey: string, seed: number): Promise<SimulatorProcess> {
  const child = spawn(process.execPath, [entry], {
    env: {
      PATH: process.env["PATH"] ?? "",
      SIM_SECRET_KEY: secretKey,
      SIM_RATE_LIMIT: "off",
      SIM_RANDOM_SEED: String(seed),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { url } = await readFirstLine(child);
  return {
    clerk: await connectClerkSimulator(url),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

const firstLine = z.object({ url: z.string() });

async function readFirstLine({ stdout }: ChildProcess): Promise<z.infer<typeof firstLine>> {
  if (!stdout) throw new Error("The simulator has no output");
  for await (const chunk of stdout) return firstLine.parse(JSON.parse(String(chunk)));
  throw new Error("The simulator did not start");
}
