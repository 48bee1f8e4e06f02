import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnOneBackend } from "../harness/backends.ts";
import { adminPassword, type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Rows of a CSV text by RFC 4180. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === "\r\n") rows.push([]);
    if (end === "") break;
  }
  return rows.slice(0, -1);
}

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment: { LOG_LEVEL: "trace" } });
  });
  beforeEach(async () => {
    await system.db.query("truncate users, mentorados, rollcall.events cascade");
  });
  afterAll(() => system?.stop());

  const read = (query: string) => callAdmin(system, `/api/admin/users/export${query}`);

  async function insert(count: number): Promise<void> {
    await system.db.query(
      `with made as (
         insert into users (clerk_id, email, name, tier)
         select 'user_' || n, n || '@example.com', 'Pessoa ' || n, case when n % 2 = 0 then 'PRO' else 'FREE' end
         from generate_series(1, $1) n returning id
       )
       insert into mentorados (user_id, nome_completo, turma) select id, 'X', 'neon' from made`,
      [count],
    );
  }

  const untilRecorded = () =>
    waitFor("the end of the export in the timeline", async () => {
      const { rows } = await system.db.query(
        "select ref, clerk_id, details from rollcall.events where kind = 'users_exported'",
      );
      return rows[0];
    });

  test.each(["csv", "json"])(
    "%s has each user that matches once, and is audited without its filters",
    async (format) => {
      await insert(2_500);
      const answer = await read(`?format=${format}&tier=PRO&query=Pessoa`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-disposition")).toBe(`attachment; filename="users.${format}"`);
      const ids =
        format === "json"
          ? (answer.body as { items: { clerkId: string }[] }).items.map(({ clerkId }) => clerkId)
          : readIds(String(answer.body));
      const expected = Array.from({ length: 1_250 }, (_, index) => `user_${2_500 - 2 * index}`);
      expect(ids).toEqual(expected);
      const event = await untilRecorded();
      const details = { format, count: 1_250, outcome: "whole" };
      expect(event).toEqual({ ref: "admin", clerk_id: null, details });
      const events = await system.db.query("select to_jsonb(e)::text as event from rollcall.events e");
      expect(JSON.stringify(events.rows)).not.toMatch(/Pessoa|PRO/);
      expect(system.api.output()).not.toContain("Pessoa");
    },
  );

  function readIds(text: string): string[] {
    const [head = [], ...rows] = readCsv(text);
    const at = head.indexOf("clerkId");
    return rows.map((row) => row[at] ?? "");
  }

  test("a JSON export of nothing is a list without items, and a CSV export has its head", async () => {
    expect((await read("?format=json")).body).toEqual({ items: [], nextCursor: null });
    const { body } = await read("?format=csv");
    expect(readCsv(String(body))).toEqual([
      expect.arrayContaining(["id", "clerkId", "email", "tier", "mentorado.id", "mentorado.turma"]),
    ]);
  });

  test("no cell of a CSV runs as a formula, and texts keep their commas, quotes and lines", async () => {
    const formulas = [
      '=HYPERLINK("http://evil.example","x")',
      "+1+1",
      "-2+3",
      "@SUM(A1)",
      "\t=1",
      " =1",
      "＝1",
      "\u200b=1",
    ];
    const names = [...formulas, 'Ana "A", Silva\nJosé', "Ana = Maria"];
    for (const [index, name] of names.entries())
      await system.db.query("insert into users (clerk_id, name, tier) values ($1, $2, 'FREE')", [
        `user_${index}`,
        name,
      ]);
    const { body } = await read("");
    const [head = [], ...rows] = readCsv(String(body));
    const cells = rows.map((row) => row[head.indexOf("name")]).toReversed();
    expect(cells).toEqual(names.map((name) => (formulas.includes(name) ? `'${name}` : name)));
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[\s\p{Cf}]*[=+@＝-]/u);
  });

  test.each([
    ["an unknown filter", "?trier=FREE", "trier"],
    ["an unknown format", "?format=xml", "format"],
    ["a personal column", "?email=a@example.com", "email"],
  ])("%s is refused before anything is sent or recorded", async (_name, query, word) => {
    const { status, body } = await read(query);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(word);
    expect(JSON.stringify(body)).not.toContain("@example");
    expect((await system.db.query("select from rollcall.events")).rows).toEqual([]);
  });

  describe("a caller", () => {
    async function open(): Promise<IncomingMessage> {
      const request = get(`${system.apiUrl}/api/admin/users/export?format=json`, {
        headers: { authorization: `Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}` },
      });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      return response;
    }

    test("that goes away stops the export, and the timeline has the number that was read", async () => {
      await insert(60_000);
      const response = await open();
      await once(response, "data");
      response.destroy();
      const { details } = await untilRecorded();
      expect(details).toMatchObject({ outcome: "aborted" });
      expect(details.count).toBeLessThan(60_000);
    });

    test("that starts to read late gets all of it, also after a restart of Postgres", async () => {
      await insert(60_000);
      const response = await open();
      await once(response, "readable");
      // The buffers of both sides hold a part of these 40 MB, so the export still needs Postgres.
      await system.postgres.stop("immediate");
      await system.restartPostgres();
      let text = "";
      response.setEncoding("utf8");
      for await (const part of response) text += part;
      expect((JSON.parse(text) as { items: unknown[] }).items).toHaveLength(60_000);
      expect((await untilRecorded()).details).toMatchObject({ count: 60_000, outcome: "whole" });
    });
  });
});
