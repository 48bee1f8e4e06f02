import { setTimeout as sleep } from "node:timers/promises";
import { connectClerkSimulator, type RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { inventPerson } from "./demo-people.ts";

type DemoOptions = {
  simulatorUrl: string;
  apiUrl: string;
  signal: AbortSignal;
};

/** Somebody's story: what happens to their webhooks, and what brings them to Rollcall all the same. */
type Story = "smooth" | "lost-then-login" | "lost-then-ensure" | "thrice" | "lost-for-good";

const opening: readonly [waitMs: number, story: Story][] = [
  [1_500, "smooth"],
  [5_000, "thrice"],
  // By now the first full run is over, which would bring them as well.
  [7_000, "lost-then-ensure"],
  // Nobody brings them but the catch-up.
  [6_000, "lost-for-good"],
  [7_000, "lost-then-login"],
  [8_000, "smooth"],
];
const later: readonly Story[] = ["smooth", "lost-for-good", "smooth", "lost-then-ensure", "thrice"];
const laterEveryMs = 45_000;
/** Then the simulator has enough people to look at. */
const enoughPeople = 40;
const returnsAfterMs = 3_000;

/**
 * People who sign up by themselves, so that a first look has something to see. Stays away while somebody at the
 * page tries something out, and never fails: a part that is down is part of the show.
 */
export async function liveDemoLife(options: DemoOptions): Promise<void> {
  const { simulatorUrl, signal } = options;
  const wait = (ms: number) => sleep(ms, undefined, { signal });
  try {
    const clerk = await connectClerkSimulator(simulatorUrl);
    for (const [waitMs, story] of opening) {
      await wait(waitMs);
      await liveOne(options, clerk, story);
    }
    for (let turn = 0; ; turn++) {
      await wait(laterEveryMs);
      await liveOne(options, clerk, later[turn % later.length] ?? "smooth");
    }
  } catch {
    // Only the waits throw: it is over.
  }
}

async function liveOne(options: DemoOptions, clerk: RemoteClerkSimulator, story: Story): Promise<void> {
  try {
    const count = await clerk.users.count();
    if (count >= enoughPeople || (await isSomebodyTrying(clerk))) return;
    await clerk.webhooks.disturb({
      loseNext: story.startsWith("lost") ? 1 : 0,
      copies: story === "thrice" ? 3 : 1,
    });
    const { id } = await clerk.users.create(inventPerson(count)).finally(() => clerk.webhooks.calm());
    // Not awaited: the others' lives go on meanwhile.
    void comeBack(options, clerk, id, story).catch(() => undefined);
  } catch {
    // The simulator is being restarted.
  }
}

async function isSomebodyTrying(clerk: RemoteClerkSimulator): Promise<boolean> {
  const { loseNext, copies } = await clerk.webhooks.disturbance();
  return loseNext > 0 || copies > 1 || (await clerk.faults.list()).length > 0;
}

async function comeBack(
  { apiUrl, simulatorUrl, signal }: DemoOptions,
  clerk: RemoteClerkSimulator,
  userId: string,
  story: Story,
): Promise<void> {
  if (story !== "lost-then-login" && story !== "lost-then-ensure") return;
  await sleep(returnsAfterMs, undefined, { signal });
  await clerk.sessions.signIn(userId, { silent: story !== "lost-then-login" });
  if (story === "lost-then-login") return;
  const token = await clerk.sessions.mintToken({ userId, azp: simulatorUrl });
  await fetch(`${apiUrl}/api/ensure`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    signal,
  });
}
