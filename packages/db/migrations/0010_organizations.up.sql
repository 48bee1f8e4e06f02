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

-- An event of a membership is in the timeline of its user. This finds it for the organization.
create index events_of_organization on rollcall.events ((details ->> 'clerkOrgId'), id desc) where details ->> 'clerkOrgId' is not null;

-- The tables outlive a down migration, and their tombstones are final.
insert into rollcall.organization_states (clerk_org_id, deleted_at) select {{organizationId}}, {{organizationDeletedAt}} from {{organizations}} where {{organizationId}} is not null and {{organizationDeletedAt}} is not null;
