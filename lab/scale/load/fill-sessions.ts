import { connectRedis } from "@rollcall/jobs";
import { createSessionCache } from "@rollcall/sync";
import { clerkIdOf, sessionOf } from "../rows/people.ts";
import { addMany } from "./add-many.ts";

/** Has so many people logged in: each was missed and then filled. */
export async function fillSessions(redisUrl: string, count: number): Promise<void> {
  const redis = connectRedis([redisUrl], { maxRetriesPerRequest: 3 }, () => undefined);
  // Longer than it takes to count them.
  const cache = createSessionCache({ redis, ttlS: 3_600, appSessionKey: "session:{clerkId}" });
  await addMany(0, count, async (number) => {
    const reading = await cache.read(clerkIdOf(number));
    if ("hit" in reading) throw new Error("Nobody was cached yet");
    await cache.fill(clerkIdOf(number), reading.miss.lease, sessionOf(number));
  });
  redis.disconnect();
}
