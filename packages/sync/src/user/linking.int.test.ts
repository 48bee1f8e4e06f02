import {
  applySnapshots,
  evaluateConflicts,
  giveProfiles,
  inTransaction,
  type Pool,
  tombstoneAbsent,
  tombstoneUsers,
  type UserSnapshot,
} from "@rollcall/db";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { createTestPool, testDefaults, userWrite } from "../testing/fixtures.ts";
import { writeUsers } from "./write-users.ts";

let pool: Pool;
let readSequence = 1;
const origin = { cause: "webhook", ref: null };

beforeAll(async () => {
  pool = await createTestPool(inject("postgresUrl"));
});
beforeEach(() =>
  pool.query("truncate users, mentorados, rollcall.conflicts, rollcall.events, rollcall.held_deletions"),
);
afterAll(() => pool.end());

async function addUnclaimed(email: string, nome = "Unclaimed"): Promise<number> {
  const made = await pool.query(
    "insert into mentorados (nome_completo, email) values ($1, $2) returning id",
    [nome, email],
  );
  return made.rows[0].id;
}

function withEmail(email: string, fields: Partial<UserSnapshot> = {}): Partial<UserSnapshot> {
  return { email, emailVerified: true, readTicket: ++readSequence, ...fields };
}

async function sync(clerkId: string, fields: Partial<UserSnapshot>, secondaryEmails: string[] = []) {
  const outcomes = await writeUsers(pool, [userWrite(clerkId, fields, secondaryEmails)], testDefaults);
  return outcomes.get(clerkId);
}

async function profileOf(clerkId: string): Promise<number | undefined> {
  const found = await pool.query(
    "select m.id from mentorados m join users u on u.id = m.user_id where clerk_id = $1",
    [clerkId],
  );
  return found.rows[0]?.id;
}

async function conflictsOf(clerkId: string) {
  const found = await pool.query(
    `select c.reason, c.candidate_ids as candidates, c.state
     from rollcall.conflicts c join users u on u.id = c.user_id where clerk_id = $1 order by c.id`,
    [clerkId],
  );
  return found.rows;
}

async function eventsOf(clerkId: string): Promise<string[]> {
  const found = await pool.query("select kind from rollcall.events where clerk_id = $1 order by id", [
    clerkId,
  ]);
  return found.rows.map((row) => row.kind);
}

/** Resolves when a transaction waits for another transaction of this database. */
async function untilBlocked(): Promise<void> {
  for (;;) {
    const blocked = await pool.query(
      `select from pg_stat_activity
       where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    );
    if (blocked.rows.length > 0) return;
  }
}

const deleteUser = (clerkId: string) =>
  inTransaction(pool, (client) => tombstoneUsers(client, [{ clerkId, by: "signature", ...origin }]));

describe("linking", () => {
  test("one unclaimed profile with the same verified email is linked to the user and keeps its edits", async () => {
    const id = await addUnclaimed(" Ada@Example.com ", "Ada from the list");
    expect(await sync("user_ada", withEmail("ada@example.com"))).toBe("linked");
    expect(await profileOf("user_ada")).toBe(id);
    expect((await pool.query("select nome_completo from mentorados")).rows).toEqual([
      { nome_completo: "Ada from the list" },
    ]);
    expect(await conflictsOf("user_ada")).toEqual([]);
    expect(await eventsOf("user_ada")).toEqual(["user_created", "mentorado_linked"]);
  });

  test("the app is notified of a new profile, and not of a linked one", async () => {
    await addUnclaimed("ada@example.com");
    const signedUp = { clerkCreatedAtMs: Date.now() };
    await sync("user_ada", withEmail("ada@example.com", signedUp));
    await sync("user_bia", withEmail("bia@example.com", signedUp));
    const due = await pool.query(
      "select clerk_id, kind from rollcall.events where notification_due_at is not null",
    );
    expect(due.rows).toEqual([{ clerk_id: "user_bia", kind: "mentorado_created" }]);
  });

  test.each([
    ["a no-break space behind it", "maria@example.com", "maria@example.com\u00a0"],
    ["a BOM before it", "maria@example.com", "\ufeffmaria@example.com"],
    ["a zero-width space around it", "maria@example.com", "\u200bMARIA@example.com\u200b"],
    ["white space of other kinds", "maria@example.com", "\u3000\u2003maria@example.com\u2028\v"],
    ["such characters in the user's email", "maria@example.com\u00a0", "maria@example.com"],
  ])("a profile whose email has %s is linked", async (_case, email, imported) => {
    const id = await addUnclaimed(imported);
    expect(await sync("user_maria", withEmail(email))).toBe("linked");
    expect(await profileOf("user_maria")).toBe(id);
    expect(await conflictsOf("user_maria")).toEqual([]);
  });

  test("while automatic creation is off, an unclaimed profile is still linked", async () => {
    await addUnclaimed("ada@example.com");
    const options = { ...testDefaults, create: false };
    const outcomes = await writeUsers(pool, [userWrite("user_ada", withEmail("ada@example.com"))], options);
    expect(outcomes.get("user_ada")).toBe("linked");
  });

  test.each([
    ["an unverified email", "ada@example.com", { emailVerified: false }],
    ["an email with a letter that only Postgres' lower() maps onto ASCII", "\u212Aelvin@example.com", {}],
    ["an email with a dotless i", "\u0131da@example.com", {}],
  ])("%s links no profile", async (_case, email, fields) => {
    for (const address of ["ada@example.com", "kelvin@example.com", "ida@example.com"])
      await addUnclaimed(address);
    expect(await sync("user_x", withEmail(email, fields))).toBe("created");
  });

  test.each(["", "   "])("an empty email (%j) matches nothing", async (email) => {
    await addUnclaimed(email);
    await pool.query("insert into mentorados (nome_completo) values ('no email')");
    expect(await sync("user_x", { email, emailVerified: true })).toBe("created");
    expect(await conflictsOf("user_x")).toEqual([]);
  });

  test("values of any length are written, and a very long email links like any other", async () => {
    const address = `${Array.from({ length: 2_000 }, (_, n) => `part${n * 7919}`).join(".")}@example.com`;
    const id = await addUnclaimed(address.toUpperCase());
    expect(await sync("user_long", withEmail(address, { name: "n".repeat(1_000_000) }))).toBe("linked");
    expect(await profileOf("user_long")).toBe(id);
  });

  test("an admin and a banned user are linked to no profile", async () => {
    await addUnclaimed("ada@example.com");
    expect(await sync("user_admin", withEmail("ada@example.com", { isAdmin: true }))).toBe("admin");
    expect(await sync("user_banned", withEmail("ada@example.com", { banned: true }))).toBe("banned");
    expect((await pool.query("select user_id from mentorados")).rows).toEqual([{ user_id: null }]);
  });
});

describe("a fresh profile and an open conflict follow from", () => {
  test("several candidates", async () => {
    const candidates = [await addUnclaimed("ada@example.com"), await addUnclaimed("ADA@example.com")];
    expect(await sync("user_ada", withEmail("ada@example.com"))).toBe("created");
    expect(await conflictsOf("user_ada")).toEqual([
      { reason: "several_candidates", candidates, state: "open" },
    ]);
  });

  test("an unverified email", async () => {
    const id = await addUnclaimed("ada@example.com");
    expect(await sync("user_ada", withEmail("ada@example.com", { emailVerified: false }))).toBe("created");
    expect(await conflictsOf("user_ada")).toEqual([
      { reason: "unverified_email", candidates: [id], state: "open" },
    ]);
  });

  test.each([
    ["composed and decomposed accents", "jos\u00e9@example.com", "jose\u0301@example.com", {}],
    ["another case outside ASCII", "jos\u00e9@example.com", "JOS\u00c9@example.com", {}],
    ["Unicode at Clerk and punycode here", "ana@b\u00fccher.example", "ana@xn--bcher-kva.example", {}],
    ["punycode at Clerk and Unicode here", "ana@xn--bcher-kva.example", "ana@B\u00dcCHER.example", {}],
    [
      "the same, of an unverified email",
      "jos\u00e9@example.com",
      "jose\u0301@example.com",
      { emailVerified: false },
    ],
  ])("an email that is near and not the same: %s", async (_case, email, imported, fields) => {
    const id = await addUnclaimed(imported);
    expect(await sync("user_near", withEmail(email, fields))).toBe("created");
    const conflict = { reason: "similar_email", candidates: [id], state: "open" };
    expect(await conflictsOf("user_near")).toEqual([conflict]);
    await inTransaction(pool, (client) => evaluateConflicts(client, "reconcile"));
    expect(await conflictsOf("user_near")).toEqual([conflict]);
  });

  test("a near email never hides the profile of the same email", async () => {
    await addUnclaimed("jose\u0301@example.com");
    const id = await addUnclaimed("Jos\u00e9@example.com");
    expect(await sync("user_jose", withEmail("jos\u00e9@example.com"))).toBe("linked");
    expect(await profileOf("user_jose")).toBe(id);
  });

  test("the profile of a deleted user, when the same person signs up again", async () => {
    await sync("user_old", withEmail("ada@example.com"));
    const former = await profileOf("user_old");
    await deleteUser("user_old");
    expect(await sync("user_new", withEmail("ada@example.com"))).toBe("created");
    expect(await profileOf("user_new")).not.toBe(former);
    expect(await conflictsOf("user_new")).toEqual([
      { reason: "former_profile", candidates: [former], state: "open" },
    ]);
  });

  test("the profile of a deleted user that the app itself had linked", async () => {
    await pool.query(
      `with app as (insert into users (clerk_id) values ('user_old') returning id)
       insert into mentorados (user_id, nome_completo, email) select id, 'Given', 'ada@example.com' from app`,
    );
    await deleteUser("user_old");
    expect(await sync("user_new", withEmail("ada@example.com"))).toBe("created");
    expect(await conflictsOf("user_new")).toMatchObject([{ reason: "former_profile", state: "open" }]);
  });

  test("only a secondary verified email", async () => {
    const id = await addUnclaimed("other@example.com");
    expect(await sync("user_ada", withEmail("ada@example.com"), ["Other@example.com"])).toBe("created");
    expect(await conflictsOf("user_ada")).toEqual([
      { reason: "secondary_email", candidates: [id], state: "open" },
    ]);
  });

  test("two users with one email in one batch: neither is linked, and each has its own conflict", async () => {
    const id = await addUnclaimed("ada@example.com");
    const outcomes = await writeUsers(
      pool,
      [userWrite("user_a", withEmail("ada@example.com")), userWrite("user_b", withEmail("ada@example.com"))],
      testDefaults,
    );
    expect([...outcomes.values()]).toEqual(["created", "created"]);
    for (const clerkId of ["user_a", "user_b"]) {
      expect(await conflictsOf(clerkId)).toEqual([
        { reason: "several_claimants", candidates: [id], state: "open" },
      ]);
    }
  });

  test("two concurrent transactions: at most one links, and each other user has a conflict", async () => {
    for (let round = 0; round < 20; round++) {
      const email = `round${round}@example.com`;
      await addUnclaimed(email);
      const [a, b] = [`user_a${round}`, `user_b${round}`];
      const outcomes = await Promise.all([sync(a, withEmail(email)), sync(b, withEmail(email))]);
      const conflicts = [...(await conflictsOf(a)), ...(await conflictsOf(b))];
      const linked = outcomes.filter((outcome) => outcome === "linked").length;
      expect(linked).toBeLessThanOrEqual(1);
      expect(conflicts).toHaveLength(2 - linked);
    }
    const shared = await pool.query(
      "select user_id from mentorados where user_id is not null group by 1 having count(*) > 1",
    );
    expect(shared.rows).toEqual([]);
  });
});

test("a profile that the app made after the linking transaction began still counts as unclaimed", async () => {
  await inTransaction(pool, async (client) => {
    await addUnclaimed("ada@example.com");
    const { snapshot } = userWrite("user_first", withEmail("ada@example.com"));
    await applySnapshots(client, [snapshot]);
    const request = { clerkId: "user_first", metadata: [null], secondaryEmails: [], ...origin };
    expect(await giveProfiles(client, [request], testDefaults)).toMatchObject([{ outcome: "linked" }]);
  });
  expect(await sync("user_second", withEmail("ada@example.com"))).toBe("created");
  expect(await conflictsOf("user_second")).toMatchObject([{ reason: "lost_to_claimant", state: "open" }]);
});

test("a profile that the app gives while another is linked is kept, and the job needs no retry", async () => {
  const unclaimedId = await addUnclaimed("ada@example.com");
  await pool.query("insert into users (clerk_id) values ('user_ada')");
  const app = await pool.connect();
  await app.query("begin");
  await app.query("set local idle_in_transaction_session_timeout = 0");
  const given = await app.query(
    "insert into mentorados (user_id, nome_completo) select id, 'Given' from users returning id",
  );
  const synced = sync("user_ada", withEmail("ada@example.com"));
  await untilBlocked();
  await app.query("commit");
  app.release();
  expect(await synced).toBe("kept");
  expect(await profileOf("user_ada")).toBe(given.rows[0].id);
  expect((await pool.query("select user_id from mentorados where id = $1", [unclaimedId])).rows).toEqual([
    { user_id: null },
  ]);
});

test("a user whose matching profile was linked before gets a conflict", async () => {
  const id = await addUnclaimed("ada@example.com");
  expect(await sync("user_first", withEmail("ada@example.com"))).toBe("linked");
  expect(await sync("user_second", withEmail("ada@example.com"))).toBe("created");
  expect(await conflictsOf("user_second")).toEqual([
    { reason: "lost_to_claimant", candidates: [id], state: "open" },
  ]);
});

describe("a conflict is evaluated again", () => {
  test("when its candidate is linked to another user", async () => {
    await addUnclaimed("ada@example.com");
    await sync("user_early", withEmail("ada@example.com", { emailVerified: false }));
    expect(await sync("user_ada", withEmail("ada@example.com"))).toBe("linked");
    expect(await conflictsOf("user_early")).toMatchObject([{ state: "settled" }]);
  });

  test("when the email becomes verified: it could be linked now, but the fresh profile stays", async () => {
    await addUnclaimed("ada@example.com");
    await sync("user_ada", withEmail("ada@example.com", { emailVerified: false }));
    const fresh = await profileOf("user_ada");
    expect(await sync("user_ada", withEmail("ada@example.com", { clerkUpdatedAtMs: 2_000 }))).toBe("kept");
    expect(await profileOf("user_ada")).toBe(fresh);
    expect(await conflictsOf("user_ada")).toMatchObject([{ reason: "linkable", state: "open" }]);
  });

  test("when the rival user is deleted", async () => {
    await addUnclaimed("ada@example.com");
    await writeUsers(
      pool,
      [userWrite("user_a", withEmail("ada@example.com")), userWrite("user_b", withEmail("ada@example.com"))],
      testDefaults,
    );
    await deleteUser("user_b");
    expect(await conflictsOf("user_a")).toMatchObject([{ state: "open" }]);
    expect(await conflictsOf("user_b")).toMatchObject([{ state: "settled" }]);
  });

  test("when the email changes to one without an unclaimed profile", async () => {
    await addUnclaimed("ada@example.com");
    await sync("user_ada", withEmail("ada@example.com", { emailVerified: false }));
    await sync("user_ada", withEmail("new@example.com", { clerkUpdatedAtMs: 2_000 }));
    expect(await conflictsOf("user_ada")).toMatchObject([{ state: "settled" }]);
  });
});

test("a dismissed conflict stays dismissed, also while automatic creation is off", async () => {
  await addUnclaimed("ada@example.com");
  await addUnclaimed("ada@example.com");
  const syncAgain = () =>
    writeUsers(pool, [userWrite("user_ada", withEmail("ada@example.com"))], {
      ...testDefaults,
      create: false,
    });
  await syncAgain();
  await pool.query("update rollcall.conflicts set state = 'dismissed'");
  await syncAgain();
  expect(await conflictsOf("user_ada")).toMatchObject([{ state: "dismissed" }]);
  await addUnclaimed("ada@example.com");
  await syncAgain();
  expect(await conflictsOf("user_ada")).toMatchObject([{ state: "dismissed" }, { state: "open" }]);
});

describe("timeline", () => {
  test("has no event when nothing changed, and never an email or a name", async () => {
    await sync("user_ada", withEmail("canary@example.com", { name: "Canary" }));
    const before = await eventsOf("user_ada");
    await sync("user_ada", withEmail("canary@example.com", { name: "Canary" }));
    expect(await eventsOf("user_ada")).toEqual(before);
    await sync("user_ada", withEmail("canary2@example.com", { name: "Canary", clerkUpdatedAtMs: 2_000 }));
    expect(await eventsOf("user_ada")).toEqual(["user_created", "mentorado_created", "user_updated"]);
    const all = await pool.query("select e::text as row from rollcall.events e");
    expect(all.rows.filter(({ row }) => /canary/i.test(row))).toEqual([]);
  });

  test("has no event for a role that was set outside Clerk", async () => {
    await sync("user_ada", withEmail("ada@example.com"));
    await pool.query("update users set role = 'admin', role_source = 'manual'");
    const before = await eventsOf("user_ada");
    await sync("user_ada", withEmail("ada@example.com"));
    await sync("user_ada", withEmail("ada@example.com", { isAdmin: true }));
    expect(await eventsOf("user_ada")).toEqual(before);
  });

  test("has one event for a deletion", async () => {
    await sync("user_ada", {});
    await deleteUser("user_ada");
    await deleteUser("user_ada");
    expect(await eventsOf("user_ada")).toEqual(["user_created", "mentorado_created", "user_tombstoned"]);
  });
});

describe("unsigned deletions", () => {
  const absent = (clerkId: string) =>
    inTransaction(pool, (client) => tombstoneAbsent(client, { clerkId, ...origin }));

  test("five in a day are carried out and more are held, also when they are concurrent", async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `user_${index}`);
    await writeUsers(
      pool,
      ids.map((id) => userWrite(id)),
      testDefaults,
    );
    const outcomes = await Promise.all(ids.map(absent));
    expect(outcomes.filter((outcome) => outcome === "tombstoned")).toHaveLength(5);
    expect(outcomes.filter((outcome) => outcome === "held")).toHaveLength(7);
    expect((await pool.query("select from users where deleted_at is not null")).rowCount).toBe(5);
    expect((await pool.query("select from rollcall.held_deletions")).rowCount).toBe(7);
  });

  test("the deletions of the day before do not count, and signed deletions never count", async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `user_${index}`);
    await writeUsers(
      pool,
      ids.map((id) => userWrite(id)),
      testDefaults,
    );
    for (const id of ids.slice(0, 3)) await deleteUser(id);
    for (const id of ids.slice(3, 8)) expect(await absent(id)).toBe("tombstoned");
    expect(await absent("user_8")).toBe("held");
    await pool.query("update rollcall.events set at = at - interval '25 hours'");
    expect(await absent("user_8")).toBe("tombstoned");
    expect((await pool.query("select from rollcall.held_deletions")).rowCount).toBe(0);
  });

  test("a held deletion is released when Clerk has the user", async () => {
    const ids = Array.from({ length: 6 }, (_, index) => `user_${index}`);
    await writeUsers(
      pool,
      ids.map((id) => userWrite(id)),
      testDefaults,
    );
    for (const id of ids) await absent(id);
    expect((await pool.query("select clerk_id from rollcall.held_deletions")).rows).toEqual([
      { clerk_id: "user_5" },
    ]);
    await sync("user_5", { readTicket: ++readSequence });
    expect((await pool.query("select from rollcall.held_deletions")).rowCount).toBe(0);
  });

  test("with many users, 0.5 % of them may be deleted in a day", async () => {
    await pool.query("insert into users (clerk_id) select 'user_x' || n from generate_series(1, 2000) n");
    const outcomes = [];
    for (let n = 1; n <= 11; n++) outcomes.push(await absent(`user_x${n}`));
    expect(outcomes.filter((outcome) => outcome === "tombstoned")).toHaveLength(10);
  });
});
