-- An app's own tables may have keys that are no integers. These are held as text, in columns beside those of integers, so
-- that rows of the default tables stay as they are. See src/stored-keys.ts.

alter table rollcall.conflicts
  alter column user_id       drop not null,
  alter column candidate_ids drop not null,
  add column user_key        text,
  add column candidate_keys  text[],
  add column profile_key     text,
  add constraint conflicts_user check (num_nonnulls(user_id, user_key) = 1),
  add constraint conflicts_candidates_of_one_type check (num_nonnulls(candidate_ids, candidate_keys) = 1);
create unique index conflicts_one_open_key on rollcall.conflicts (user_key) where state = 'open';
create index conflicts_candidate_keys on rollcall.conflicts using gin (candidate_keys) where state = 'open';

alter table rollcall.former_profiles drop constraint former_profiles_pkey;
-- It needs a primary key of its own: a publication for all tables refuses updates of a table without one.
alter table rollcall.former_profiles
  alter column mentorado_id drop not null,
  add column id bigint generated always as identity primary key,
  add column profile_key text,
  add constraint former_profiles_mentorado_id_key unique (mentorado_id),
  add constraint former_profiles_profile_key_key unique (profile_key),
  add constraint former_profiles_profile check (num_nonnulls(mentorado_id, profile_key) = 1);

alter table rollcall.purges
  alter column also drop not null,
  add column also_keys text[],
  add constraint purges_also_of_one_type check (num_nonnulls(also, also_keys) = 1);

-- Unclaimed profiles that got a user. The default table tells them by its own times; an app's times may lack a zone, or be
-- rounded.
create table rollcall.claimed_profiles (
  profile_key text primary key
);
