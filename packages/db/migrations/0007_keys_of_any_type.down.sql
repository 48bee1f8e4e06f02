-- Rows of integer keys stay. The version before knows no other keys.
drop table rollcall.claimed_profiles;

delete from rollcall.purges where also is null;
alter table rollcall.purges
  drop constraint purges_also_of_one_type,
  drop column also_keys,
  alter column also set not null;

delete from rollcall.former_profiles where mentorado_id is null;
alter table rollcall.former_profiles
  drop constraint former_profiles_profile,
  drop constraint former_profiles_profile_key_key,
  drop constraint former_profiles_mentorado_id_key,
  drop column profile_key,
  drop column id,
  add constraint former_profiles_pkey primary key (mentorado_id);

drop index rollcall.conflicts_candidate_keys, rollcall.conflicts_one_open_key;
delete from rollcall.conflicts where user_id is null or candidate_ids is null;
alter table rollcall.conflicts
  drop constraint conflicts_candidates_of_one_type,
  drop constraint conflicts_user,
  drop column profile_key,
  drop column candidate_keys,
  drop column user_key,
  alter column candidate_ids set not null,
  alter column user_id set not null;
