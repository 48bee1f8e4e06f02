import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";

/** A Clerk whose users are the live rows of a database, so that nothing differs. */
export type MirrorClerk = { url: string; close(): Promise<void> };

const user = `
json_build_object(
  'id', clerk_id, 'first_name', name, 'image_url', image_url, 'banned', banned, 'public_metadata', json_build_object(),
  'primary_email_address_id', case when email is not null then 'idn_1' end,
  'email_addresses', case when email is null then json_build_array() else json_build_array(json_build_object(
    'id', 'idn_1', 'email_address', email,
    'verification', json_build_object('status', case when email_verified then 'verified' else 'unverified' end)
  )) end,
  'created_at', (extract(epoch from clerk_created_at) * 1000)::bigint,
  'updated_at', (extract(epoch from clerk_updated_at) * 1000)::bigint
)`;

const live = "public.users where deleted_at is null";

const byIds = `select ${user} as user from ${live} and clerk_id = any ($1::text[])`;

/** Users of the series are a second apart, so a place in the list is a time. */
const list = (direction: "asc" | "desc") => `
select ${user} as user from ${live}
  and clerk_created_at ${direction === "asc" ? ">" : "<="} $1::timestamptz
order by clerk_created_at ${direction} limit $2
`;

const bounds = `select min(clerk_created_at) as first, max(clerk_created_at) as last, (
  select reltuples::bigint::int from pg_class where oid = 'public.users'::regclass
) as total from ${live}`;

const secondMs = 1_000;

/** Answers lists by creation and by change, ids and the count. @param total users at Clerk */
export async function startMirrorClerk(databaseUrl: string, total: number): Promise<MirrorClerk> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8, application_name: "mirror" });
  pool.on("error", () => undefined);
  const { first, last } = (await pool.query(bounds)).rows[0];

  async function find(url: URL): Promise<unknown> {
    const { pathname, searchParams } = url;
    if (pathname === "/v1/users/count") return { object: "total_count", total_count: total };
    const id = /^\/v1\/users\/([^/]+)$/.exec(pathname)?.[1];
    const ids = id === undefined ? searchParams.getAll("user_id") : [id];
    if (ids.length > 0) {
      const found = (await pool.query(byIds, [ids])).rows.map((row) => row.user);
      return id === undefined ? found : found[0];
    }
    const limit = Number(searchParams.get("limit"));
    const offsetMs = Number(searchParams.get("offset") ?? 0) * secondMs;
    if (searchParams.get("order_by") === "-updated_at")
      return run("desc", new Date(last.getTime() - offsetMs), limit);
    return run("asc", await findStart(searchParams, offsetMs), limit);
  }

  async function findStart(query: URLSearchParams, offsetMs: number): Promise<Date> {
    const startingAfter = query.get("starting_after");
    const createdAfter = query.get("created_at_after");
    if (startingAfter === null)
      return new Date((createdAfter === null ? first.getTime() - 1 : Number(createdAfter)) + offsetMs);
    const { rows } = await pool.query(`select clerk_created_at as at from ${live} and clerk_id = $1`, [
      startingAfter,
    ]);
    return rows[0]?.at;
  }

  async function run(direction: "asc" | "desc", from: Date, limit: number): Promise<unknown[]> {
    return (await pool.query(list(direction), [from, limit])).rows.map((row) => row.user);
  }

  const server = createServer((request, response) => {
    find(new URL(request.url ?? "/", "http://clerk")).then(
      (answer) => {
        response.statusCode = answer === undefined ? 404 : 200;
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(answer ?? { errors: [{ code: "resource_not_found" }] }));
      },
      (error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      },
    );
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
    },
  };
}
