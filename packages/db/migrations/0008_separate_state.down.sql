-- Deletions, roles and tiers that the app's tables have no column for are lost. A full sync finds deletions again.
drop table if exists rollcall.user_states, rollcall.profile_links;
