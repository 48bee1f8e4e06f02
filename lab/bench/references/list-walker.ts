import pg from "pg";
import { request } from "undici";
import { z } from "zod";
import { upsertUser } from "./upsert-user.ts";

const { clerkUrl, secretKey, databaseUrl } = z
  .object({ clerkUrl: z.string(), secretKey: z.string(), databaseUrl: z.string() })
  .parse(JSON.parse(process.argv[2] ?? ""));

const walkRequest = z.object({ limit: z.number(), write: z.boolean() });
const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });

process.on("message", async (message) => {
  const { limit, write } = walkRequest.parse(message);
  process.send?.({ users: await walk(limit, write) });
});
process.send?.({});

/** Fetches and parses pages of 500 until it has seen `limit` users. With `write`, it writes each user. */
async function walk(limit: number, write: boolean): Promise<number> {
  let users = 0;
  let last: string | undefined;
  while (users < limit) {
    const cursor = last === undefined ? "" : `&starting_after=${last}`;
    const { body } = await request(`${clerkUrl}/v1/users?limit=500&order_by=%2Bcreated_at${cursor}`, {
      headers: { authorization: `Bearer ${secretKey}` },
    });
    const page: unknown = await body.json();
    if (!Array.isArray(page)) throw new Error("Clerk's list is not an array");
    if (write) for (const user of page.slice(0, limit - users)) await upsertUser(pool, user);
    users += page.length;
    last = page.at(-1)?.["id"];
    if (page.length < 500) break;
  }
  return Math.min(users, limit);
}
