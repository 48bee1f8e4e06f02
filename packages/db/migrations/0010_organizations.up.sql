-- Only while the mapping has organizations. Their tables are made or adopted before: see planOrganizations. All state of
-- Rollcall's own is here under Clerk ids, whatever tables the app has, so the mapping may name other tables later.

create table rollcall.organization_states (
  clerk_org_id     text primary key,
  clerk_created_at timestamptz,
  clerk_updated_at timestamptz,
  -- The read sequence of the Clerk request from which the row was written.
  read_ticket      bigint,
  -- Set for good: Clerk never reuses the id.
  deleted_at       timestamptz,
  -- signature, absence or person. The guard counts those by absence.
  deleted_by       text,
  -- Clerk lacks the organization, and its deletion waits for an operator.
  held_at          timestamptz
);

-- One row for each pair that ever was. A user who joins again has a new membership, so a tombstone is final for its
-- membership and not for the pair.
create table rollcall.membership_states (
  clerk_org_id     text not null,
  clerk_id         text not null,
  -- Clerk's id of the pair's newest membership. Null for a pair that was ended before it was read.
  membership_id    text,
  clerk_created_at timestamptz,
  clerk_updated_at timestamptz,
  read_ticket      bigint,
  deleted_at       timestamptz,
  -- The same, or organization or user: its membership ended with it.
  deleted_by       text,
  held_at          timestamptz,
  primary key (clerk_org_id, clerk_id)
);
-- The deletion of a user ends the user's memberships.
create index membership_states_of_user on rollcall.membership_states (clerk_id);

-- Both are for the full sync, which compares a range of creation times with one page of Clerk's list.
create index organization_states_created on rollcall.organization_states (clerk_created_at) where deleted_at is null;
create index membership_states_created on rollcall.membership_states (clerk_created_at) where deleted_at is null;
-- For the count of what waits for an operator.
create index organization_states_held on rollcall.organization_states (clerk_org_id) where held_at is not null;
create index membership_states_held on rollcall.membership_states (clerk_org_id) where held_at is not null;

-- Live organizations and memberships that Clerk's pages lacked, as rollcall.deletion_candidates of users.
create table rollcall.organization_candidates (
  run_id        bigint not null references rollcall.runs on delete cascade,
  clerk_org_id  text not null,
  -- Empty for the organization itself.
  clerk_id      text not null default '',
  -- The membership that the pair had then. Another one of the same pair is no candidate.
  membership_id text,
  is_absent     boolean not null default false,
  primary key (run_id, clerk_org_id, clerk_id)
);

-- The state of the incremental sync, as in rollcall.catch_up. One row for organizations, and one for memberships.
create table rollcall.organization_catch_up (
  kind            text primary key,
  -- Everything that was created at Clerk up to this time is in our rows; milliseconds since the epoch.
  watermark_ms    bigint,
  surplus         integer not null default 0,
  surplus_passes  integer not null default 0,
  checked_surplus integer not null default 0,
  -- A long count is not repeated in each pass.
  counted_at      timestamptz,
  count_took_ms   integer not null default 0
);
insert into rollcall.organization_catch_up (kind) values ('organizations'), ('memberships');

-- An event of a membership is in the timeline of its user. This finds it for the organization.
create index events_of_organization on rollcall.events ((details ->> 'clerkOrgId'), id desc) where details ->> 'clerkOrgId' is not null;

-- The tables outlive a down migration, and their tombstones are final.
insert into rollcall.organization_states (clerk_org_id, deleted_at) select {{organizationId}}, {{organizationDeletedAt}} from {{organizations}} where {{organizationId}} is not null and {{organizationDeletedAt}} is not null;
