import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connectClerkSimulator, type RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { z } from "zod";
import { repository } from "./repository.ts";

const entry = `${repository}packages/clerk-simulator/dist/main.js`;

export type SimulatorProcess = { pid: number; clerk: RemoteClerkSimulator; stop(): Promise<void> };

/** Starts the simulator in a process of its own, without a rate limit. It sends no webhooks; the lab sends them. @param hosts as in SIM_HOSTS */
export async function startSimulatorProcess(
  secretKey: string,
  seed: number,
  hosts = "",
): Promise<SimulatorProcess> {
  const child = spawn(process.execPath, [entry], {
    env: {
      PATH: process.env["PATH"] ?? "",
      SIM_SECRET_KEY: secretKey,
      SIM_RATE_LIMIT: "off",
      SIM_HOSTS: hosts,
      SIM_RANDOM_SEED: String(seed),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { url } = await readFirstLine(child);
  if (child.pid === undefined) throw new Error("The simulator has no pid");
  return {
    pid: child.pid,
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
