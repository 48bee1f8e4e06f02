import { AppError, rowKey } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import type { ProfileTable, ProfileValue } from "./profile-columns.ts";
import { selectAs } from "./quote-name.ts";
import { readRows } from "./rows.ts";
import { perProfile, perTables, type Tables } from "./tables.ts";
import { linkTable } from "./user-rows.ts";

/** An array of emails in the form that `fold` makes comparable. */
const foldAll = (fold: "fold_email" | "near_email", emails: string) =>
  `array(select rollcall.${fold}(e) from unnest(${emails}) as e)`;

/**
 * The profiles that a user's email points to, and what that allows. This is a lateral subquery for a row `u` with id,
 * email, email_verified, secondary_emails (its other verified addresses) and similar_emails (other spellings of email).
 *
 * `decision` is null if nothing matches. It is `link` for exactly one unclaimed profile (without a user, now and
 * before) of a verified email that exactly one live user claims. Otherwise it is the reason why an operator decides.
 * Nothing matches profiles without an email column.
 */
export function matchesOfUser(profile: ProfileTable, { users: c }: Tables): string {
  const { rows, id, link, email, wasUnclaimed, stored } = profile;
  if (email === undefined)
    return `lateral (select null::text as decision, '{}'::${profile.keyType}[] as candidate_ids)`;
  return `
lateral (
  with near as (
    select ${stored.profile.typed(`m.${id}`)} as id, m.${link} is null as is_free, m.linked_at is null as is_candidate,
           rollcall.fold_email(m.${email}::text) = rollcall.fold_email(u.email::text) as is_primary,
           rollcall.fold_email(m.${email}::text) = any (${foldAll("fold_email", "u.secondary_emails")}) as is_secondary,
           rollcall.near_email(m.${email}::text) = any (
             ${foldAll("near_email", "array_append(u.similar_emails, u.email::text)")}
           ) as is_similar
    from ${rows} m
    -- Profiles without a user, and once unclaimed profiles that another user has by now.
    where (m.${link} is null or (m.${link} <> u.id and ${wasUnclaimed}))
      and rollcall.near_email(m.${email}::text) <> ''
      and rollcall.near_email(m.${email}::text) = any (
        ${foldAll("near_email", "array_append(u.secondary_emails || u.similar_emails, u.email::text)")}
      )
  ),
  matching as (
    select * from near where is_primary or is_secondary or is_similar
  ),
  counted as (
    select
      coalesce(array_agg(id order by id) filter (where is_free and is_primary and is_candidate), '{}')     as candidates,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary and not is_candidate), '{}') as former,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary is not true and is_similar), '{}') as similar_ids,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary is not true and is_secondary), '{}') as secondary,
      coalesce(array_agg(id order by id) filter (where not is_free and is_primary), '{}')                  as taken
    from matching
  )
  select
    case
      when not u.email_verified and cardinality(candidates || former) > 0 then 'unverified_email'
      when cardinality(candidates) > 1 then 'several_candidates'
      when cardinality(candidates) = 1 and (
        select count(*) from ${c.rows} c
        where c.${c.deletedAt} is null and c.${c.emailVerified}
          and rollcall.fold_email(c.${c.email}::text) = rollcall.fold_email(u.email::text)
      ) > 1 then 'several_claimants'
      when cardinality(candidates) = 1 then 'link'
      when cardinality(former) > 0 then 'former_profile'
      when u.email_verified and cardinality(taken) > 0 then 'lost_to_claimant'
      when cardinality(similar_ids) > 0 then 'similar_email'
      when cardinality(secondary) > 0 then 'secondary_email'
    end as decision,
    case
      when cardinality(candidates || former) > 0         then candidates || former
      when u.email_verified and cardinality(taken) > 0 then taken
      when cardinality(similar_ids) > 0                then similar_ids
      else secondary
    end as candidate_ids
  from counted
)
`;
}

/**
 * Whether `matchesOfUser` can find anything for a row `u` of the users and its request `a`. Most users have one address,
 * and no profile has it. One lookup in the index then takes the place of the whole comparison.
 */
function mayMatch({ rows, link, email }: ProfileTable, { users: u }: Tables): string {
  if (email === undefined) return "false";
  return `(
           a.secondary_emails is not null or a.similar_emails is not null or (
             select true from ${rows} m
             where (m.${link} is null or m.${link} <> u.${u.id})
               and rollcall.near_email(m.${email}::text) = rollcall.near_email(u.${u.email}::text) limit 1
           ) is not null
         )`;
}

/**
 * Whether giveProfiles would make or link a profile for a row `u` of the users' table.
 *
 * @param create the parameter that says whether profiles are made for all users
 */
export function lacksProfile({ profile, users: u }: Tables, create: `$${number}`): string {
  if (!profile) return `(${create}::boolean and false)`;
  const { table, rows, link, email } = profile;
  const mayLink =
    email === undefined
      ? ""
      : ` or u.${u.emailVerified} and exists (
    select from ${rows} m
    where m.${link} is null and m.linked_at is null
      -- The index has the near form, which equal emails share.
      and rollcall.near_email(m.${email}::text) = rollcall.near_email(u.${u.email}::text)
      and rollcall.fold_email(m.${email}::text) = rollcall.fold_email(u.${u.email}::text)
  )`;
  return `(
  not u.${u.banned} and u.${u.role}::text <> 'admin'
  and not exists (select from ${table} m where m.${link} = u.${u.id})
  and (${create}::boolean${mayLink})
)`;
}

/**
 * The outcome for one user's profile: created; linked (an unclaimed profile); kept (the user had one); or none, because
 * the user is an admin, banned or deleted, or because automatic creation is off.
 */
const profileOutcome = z.enum(["created", "linked", "kept", "admin", "banned", "deleted", "not_made"]);

export type ProfileOutcome = z.infer<typeof profileOutcome>;

export type ProfileRequest = {
  clerkId: string;
  /** From Clerk's public metadata, in the order of the profile's `metadata`; null for the default. */
  metadata: readonly ProfileValue[];
  /** Name and image at Clerk, for a users' table that lacks the columns. */
  name?: string | null;
  imageUrl?: string | null;
  /** Verified addresses besides the primary one. An operator decides about a match with them. */
  secondaryEmails: readonly string[];
  /** Other spellings of the primary address. An operator decides about a match with them. */
  similarEmails?: readonly string[];
  /** The origin of the sync job, for the timeline. */
  cause: string;
  ref: string | null;
};

/** The metadata of a user that has none. */
export function listNoMetadata({ tables }: Pick<Queryable, "tables">): null[] {
  return tables.profile?.metadata.map(() => null) ?? [];
}

export type ProfileDefaults = {
  /** For the default mapping's profile. Another mapping has defaults of its own. */
  nomeCompleto: string;
  turma: string;
  /** false: existing profiles are kept and linked, and none is made. */
  create: boolean;
};

/**
 * Second statement of the write, in the same transaction. Its snapshot is fresh, so it sees what the first statement
 * waited for. It reads only the locked rows and never the input of the first statement.
 *
 * `linked` takes an unclaimed profile only while it has no user. If a concurrent claimant was faster, the update skips
 * it, and the user gets a fresh profile and a conflict. `linked_at` is the clock's time. now() is the start of the
 * transaction, possibly before the app made the profile, and matches would not count it as once unclaimed. `on conflict
 * do nothing` is for a profile that the app inserts at this moment: it is kept.
 */
const give = perProfile((profile, tables) => {
  const { users: u } = tables;
  const { table, id, link, stored } = profile;
  const parameters: ((requests: readonly ProfileRequest[], defaults: ProfileDefaults) => unknown)[] = [];
  const bind = (read: (typeof parameters)[number]) => `$${parameters.push(read)}`;
  /** A parameter with one value for each request. */
  const each = (name: string, type: string, read: (request: ProfileRequest) => unknown) => {
    const parameter = bind((requests) => requests.map(read));
    return { name, value: type === "" ? parameter : `${parameter}::${type}[]` };
  };
  const requested = [
    each("clerk_id", "text", ({ clerkId }) => clerkId),
    ...profile.columns
      .filter((one) => one.source === "metadata")
      .map(({ column, isText }, index) => {
        const given = each(`metadata_${index + 1}`, isText ? "text" : "", ({ metadata }) => metadata[index]);
        return isText ? given : { ...given, value: `coalesce(${given.value}, ${noneOf(profile, column)})` };
      }),
    each("secondary_emails", "jsonb", ({ secondaryEmails }) => toJsonList(secondaryEmails)),
    each("cause", "text", ({ cause }) => cause),
    each("ref", "text", ({ ref }) => ref),
    ...(u.name === undefined ? [each("name", "text", ({ name }) => name ?? null)] : []),
    ...(u.imageUrl === undefined ? [each("image_url", "text", ({ imageUrl }) => imageUrl ?? null)] : []),
  ];
  const metadata = profile.metadata.map((_, index) => `metadata_${index + 1}`);
  const inserted = listInserted(profile, bind);
  const create = bind((_, defaults) => defaults.create);
  requested.push(each("similar_emails", "jsonb", ({ similarEmails }) => toJsonList(similarEmails)));

  const text = `
with requested as materialized (
  select ${selectAs("u", u.id, "id")}, ${selectAs("u", u.clerkId, "clerk_id")}, ${u.name === undefined ? "a.name" : selectAs("u", u.name, "name")}, ${selectAs("u", u.email, "email")}, ${selectAs("u", u.emailVerified, "email_verified")}, ${u.imageUrl === undefined ? "a.image_url" : selectAs("u", u.imageUrl, "image_url")}, ${selectAs("u", u.role, "role")}, ${selectAs("u", u.banned, "banned")}, ${selectAs("u", u.deletedAt, "deleted_at")},
         u.clerk_created_at, ${[...metadata, "cause", "ref"].map((name) => `a.${name}`).join(", ")},
         array(select jsonb_array_elements_text(a.secondary_emails)) as secondary_emails,
         array(select jsonb_array_elements_text(a.similar_emails)) as similar_emails,
         (select true from ${table} m where m.${link} = u.${u.id} limit 1) is not null as has_profile,
         ${mayMatch(profile, tables)} as may_match
  from unnest(${requested.map(({ value }) => value).join(", ")})
    as a (${requested.map(({ name }) => name).join(", ")})
  -- One lookup for each user, here and above: "prepareWrite" says why. A join would read the whole table once.
  cross join lateral (select * from ${u.from} where ${u.clerkId} = a.clerk_id limit 1) u
),
due as materialized (
  with all_due as (
    select * from requested u
    where not u.has_profile and u.deleted_at is null and not u.banned and u.role::text <> 'admin'
  )
  select u.*, null::text as decision, '{}'::${profile.keyType}[] as candidate_ids from all_due u where not u.may_match
  union all
  select u.*, m.decision, m.candidate_ids
  from all_due u cross join ${matchesOfUser(profile, tables)} m
  where u.may_match
),
linked as (
  update ${table} m set ${link} = n.id${profile.isSeparate ? "" : ", linked_at = clock_timestamp()"}${profile.touched}
  from due n
  -- By the key. The index of the link would lead through all profiles without a user.
  where n.decision = 'link' and m.${id} = n.candidate_ids[1] and (m.${link} is null) is true${profile.isSeparate ? "" : " and m.linked_at is null"}
  returning ${selectAs("m", id, "id")}, ${selectAs("m", link, "user_id")}
),
${profile.isDefault ? "" : claimed}${createProfiles(profile, inserted, create)},${profile.isSeparate ? recordLinks : ""}
conflicted as (
  insert into rollcall.conflicts as c (${stored.userId}, reason, ${stored.candidateIds}, ${stored.profileId}, profile_fingerprint)
  select ${stored.user.store("n.id")}, case n.decision when 'link' then 'lost_to_claimant' else n.decision end, ${stored.profile.storeAll("n.candidate_ids")},
         ${stored.profile.store("created.id")}, md5(to_jsonb(created.profile)::text)
  from due n left join created on created.user_id = n.id
  where n.decision is not null and n.id not in (select user_id from linked)
    -- A dismissed conflict stays dismissed until reason or candidates change.
    and not exists (
      select from rollcall.conflicts d
      where d.${stored.userId} = ${stored.user.store("n.id")} and d.state = 'dismissed'
        and d.reason = case n.decision when 'link' then 'lost_to_claimant' else n.decision end
        and d.${stored.candidateIds} = ${stored.profile.storeAll("n.candidate_ids")}
    )
  on conflict (${stored.userId}) where state = 'open' do update set
    reason = excluded.reason, ${stored.candidateIds} = excluded.${stored.candidateIds}, evaluated_at = now(),
    ${stored.profileId} = coalesce(c.${stored.profileId}, excluded.${stored.profileId}),
    profile_fingerprint = coalesce(c.profile_fingerprint, excluded.profile_fingerprint)
  returning c.id, ${selectAs("c", stored.userId, "user_id")}, c.reason, ${selectAs("c", stored.candidateIds, "candidate_ids")}, c.opened_at = now() as is_new
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details, notification_due_at)
  select n.clerk_id, case when c.id is null then 'mentorado_linked' else 'mentorado_created' end, n.cause, n.ref,
         jsonb_build_object('mentoradoId', ${stored.profile.store("coalesce(c.id, l.id)")}),
         -- Only for recent sign-ups: a first backfill must not notify the app of every user.
         case when c.id is not null and n.clerk_created_at > now() - interval '24 hours' then now() end
  -- The kept plan expects one row of each. It would compare each of 500 users with each of 500 profiles if it could run
  -- this join as nested loops, which no full join is.
  from due n full join created c on c.user_id = n.id full join linked l on l.user_id = n.id
  where coalesce(c.id, l.id) is not null
  union all
  select n.clerk_id, 'conflict_opened', n.cause, n.ref,
         jsonb_build_object('conflictId', c.id, 'reason', c.reason, 'candidateIds', c.candidate_ids), null
  from conflicted c join due n on ${stored.user.store("n.id")} = c.user_id
  where c.is_new
)
select
  a.id as "userId",
  -- The cast keeps the prepared statement usable when the app changes the column to another type of text.
  a.clerk_id::text as "clerkId",
  l.id as "linkedId",
  exists (select from rollcall.conflicts c where c.${stored.userId} = ${stored.user.store("a.id")} and c.state = 'open') as "hadConflict",
  a.has_profile as "hadProfile",
  case
    when a.deleted_at is not null then 'deleted'
    when l.id is not null         then 'linked'
    when c.id is not null         then 'created'
    when a.has_profile            then 'kept'
    when a.banned                 then 'banned'
    when a.role::text = 'admin'   then 'admin'
    when ${create}::boolean              then 'kept'
    else 'not_made'
  end as outcome
from requested a
left join linked l on l.user_id = a.id
left join created c on c.user_id = a.id
`;
  return {
    text,
    list: (requests: readonly ProfileRequest[], defaults: ProfileDefaults) =>
      parameters.map((read) => read(requests, defaults)),
    findLacking: `
select from ${u.table} u
where u.${u.clerkId} = any ($1::text[]) and not exists (select from ${table} m where m.${link} = u.${u.id}) limit 1
`,
  };
});

/** An array of no values that has the type of the column. An array beside it, in coalesce, is then read in that type. */
const noneOf = ({ table }: ProfileTable, column: string) =>
  `(select array_agg(c.value) from (select ${column} as value from ${table} limit 0) c)`;

type Bind = (read: (requests: readonly ProfileRequest[], defaults: ProfileDefaults) => unknown) => string;

/** What a new profile of a row `n` gets, column by column. */
function listInserted(profile: ProfileTable, bind: Bind): { column: string; value: string }[] {
  let metadata = 0;
  const inserted = profile.columns.map((one) => {
    const { column } = one;
    // Postgres reads a parameter that is a whole value in the type of the column.
    if (one.source === "constant") return { column, value: bind(() => one.value) };
    const given = {
      name: () => "n.name",
      email: () => "n.email",
      imageUrl: () => "n.image_url",
      metadata: () => `n.metadata_${++metadata}`,
    }[one.source]();
    if (one.default === undefined) return { column, value: given };
    const read = (defaults: ProfileDefaults) => {
      if (!profile.isDefault) return one.default;
      return one.source === "metadata" ? defaults.turma : defaults.nomeCompleto;
    };
    return { column, value: `coalesce(${given}, ${bind((_, defaults) => read(defaults))})` };
  });
  const { insertedUpdatedAt } = profile;
  return insertedUpdatedAt === undefined
    ? inserted
    : [...inserted, { column: insertedUpdatedAt, value: "now()" }];
}

/** Records that the linked profiles were unclaimed, for tables whose time of creation says nothing. */
const claimed = `claimed as (
  insert into rollcall.claimed_profiles (profile_key) select l.id::text from linked l on conflict do nothing
),
`;

/**
 * The links of an app whose tables get no column. A profile that had a user by now fails on its key here, and its user is
 * tried again: the snapshot of the statement may be too old to tell. The key of a new profile may be one that the app
 * used before.
 */
const recordLinks = `
recorded_links as (
  insert into ${linkTable} (profile_key, user_key, linked_at)
  select l.id::text, l.user_id::text, clock_timestamp() from linked l
),
recorded_profiles as (
  insert into ${linkTable} (profile_key, user_key, linked_at)
  select c.id::text, c.user_id::text, now() from created c
  on conflict (profile_key) do update set user_key = excluded.user_key, linked_at = excluded.linked_at
),`;

/** `created`, which makes a key for a profile if the table has no default for it. */
function createProfiles(
  { table, id, link, keyType, lacksKeyDefault, isSeparate }: ProfileTable,
  inserted: readonly { column: string; value: string }[],
  create: string,
): string {
  // With separate state, the app's table may have no such key. The user's row is locked, so the app gives no profile now.
  const kept = isSeparate
    ? ""
    : `on conflict (${link}) do nothing
  `;
  const insert = (own: { columns: string; values: string }, condition: string) => `
  insert into ${table} as m (${own.columns}${[link, ...inserted.map(({ column }) => column)].join(", ")}${isSeparate ? "" : ", linked_at"})
  select ${own.values}${["n.id", ...inserted.map(({ value }) => value)].join(", ")}${isSeparate ? "" : ", now()"}
  from due n
  where ${create}::boolean and n.id not in (select user_id from linked)${condition}
  order by n.id
  ${kept}returning ${selectAs("m", id, "id")}, ${selectAs("m", link, "user_id")}, (m.*)::${table} as profile
`;
  const byDefault = { columns: "", values: "" };
  if (lacksKeyDefault === undefined) return `created as (${insert(byDefault, "")})`;
  const made = { columns: `${id}, `, values: `gen_random_uuid()${keyType === "text" ? "::text" : ""}, ` };
  return `created_by_default as (${insert(byDefault, ` and not ${lacksKeyDefault}`)}),
created_with_key as (${insert(made, ` and ${lacksKeyDefault}`)}),
created as (
  select * from created_by_default union all select * from created_with_key
)`;
}

/** Without profiles, the answer of the second statement is the state of each row. */
const describeUsers = perTables(
  ({ users: u }) => `
select u.${u.clerkId}::text as "clerkId",
  case
    when u.${u.deletedAt} is not null   then 'deleted'
    when u.${u.banned}                  then 'banned'
    when u.${u.role}::text = 'admin' then 'admin'
    else 'not_made'
  end as outcome
from ${u.rows} u where u.${u.clerkId} = any ($1::text[])
`,
);

const describedRow = z.object({ clerkId: z.string(), outcome: profileOutcome });

const givenRow = z.object({
  userId: rowKey,
  clerkId: z.string(),
  linkedId: rowKey.nullable(),
  /** There was an open conflict before, which must be evaluated again. */
  hadConflict: z.boolean(),
  hadProfile: z.boolean(),
  outcome: profileOutcome,
});

/** Without profiles, a row has its outcome alone. */
export type GivenProfile = z.infer<typeof describedRow> & Partial<z.infer<typeof givenRow>>;

/**
 * Gives each of the users a profile where one is due.
 *
 * @returns one row for each id that has a user
 * @throws AppError `user.rejected` if a trigger of the app discards a new profile
 */
export async function giveProfiles(
  db: Queryable,
  requests: readonly ProfileRequest[],
  defaults: ProfileDefaults,
): Promise<GivenProfile[]> {
  const statement = give(db);
  if (!statement) {
    const described = await db.query(describeUsers(db), [requests.map(({ clerkId }) => clerkId)]);
    return readRows(describedRow, described.rows);
  }
  const { text, list, findLacking } = statement;
  for (const prepare of prepareLinks(db) ?? [])
    await db.query(prepare, [requests.map(({ clerkId }) => clerkId)]);
  // See applySnapshots.
  const name = db.tables.users.isSeparate ? {} : { name: "give-profiles" };
  const result = await db.query({ ...name, text, values: list(requests, defaults) });
  const given = readRows(givenRow, result.rows);
  // Either the app inserted the profile at this moment, or its trigger discards ours without an error.
  const kept = given.filter(({ outcome, hadProfile }) => outcome === "kept" && !hadProfile);
  const isLacking =
    kept.length > 0 && (await db.query(findLacking, [kept.map(({ clerkId }) => clerkId)])).rows.length > 0;
  if (isLacking)
    throw new AppError("user.rejected", `A trigger of ${db.tables.profile?.label} discards a new profile`);
  return given;
}

/**
 * With separate state, no key of the app's table may keep users from a second profile. So the rows of users to whom a
 * profile is due are locked against new references to them, and a link to a profile that the app took away is forgotten.
 */
const prepareLinks = perProfile(({ table, link, isSeparate, stored }, { users: u }) => {
  if (!isSeparate) return [];
  const lacks = `not exists (select from ${table} m where m.${link} = u.${u.id})`;
  return [
    `
select from ${u.table} where ${u.clerkId} in (
  select u.${u.clerkId} from ${u.rows} u
  where u.${u.clerkId} = any ($1::text[]) and ${lacks}
    and u.${u.deletedAt} is null and not u.${u.banned} and u.${u.role} <> 'admin'
)
order by ${u.clerkId} collate "C" for update
`,
    `
update ${linkTable} k set user_key = null
from ${u.table} u where u.${u.clerkId} = any ($1::text[]) and k.user_key = ${stored.user.typed(`u.${u.id}`)}::text and ${lacks}
`,
  ];
});

/** Null for most users, which saves both sides the work of a text. */
function toJsonList(emails: readonly string[] = []): string | null {
  return emails.length === 0 ? null : JSON.stringify(emails);
}

/**
 * The profile outlives its link, because the app's data refers to it. It keeps `linked_at`, so it is never unclaimed
 * again. A profile that the app linked by itself may have no `linked_at` and gets one here. former_profiles keeps the
 * last user, for an erasure.
 */
const unlink = perProfile(
  ({ table, id, link, unlinked, touched, isSeparate, stored }, { users: u }) => `
with unlinked as (
  update ${table} m set
    ${link} = null${isSeparate ? touched : `, ${unlinked}`}
  from ${u.rows} u
  where u.${u.clerkId} = any ($1::text[]) and m.${link} = u.${u.id}
  returning ${selectAs("m", id, "id")}, ${selectAs("u", u.clerkId, "clerk_id")}
)${isSeparate ? keepLinkTimes : ""}
insert into rollcall.former_profiles (${stored.formerId}, clerk_id)
select ${stored.profile.store("id")}, clerk_id from unlinked
on conflict (${stored.formerId}) do update set clerk_id = excluded.clerk_id, unlinked_at = now()
`,
);

/** A profile that the app linked by itself gets a time here. */
const keepLinkTimes = `,
kept as (
  insert into ${linkTable} (profile_key, linked_at) select id::text, now() from unlinked
  on conflict (profile_key) do update set user_key = null
)`;

/** Unlinks the users' profiles. Run it inside a transaction that holds the locks of the users' rows. */
export async function unlinkProfiles(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  const statement = unlink(db);
  if (statement !== undefined) await db.query(statement, [clerkIds]);
}
