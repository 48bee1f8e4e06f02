drop table rollcall.held_deletions;
drop table rollcall.events;
drop table rollcall.conflicts;
drop index public.mentorados_folded_email;
drop index public.users_claimant_email;
drop function rollcall.fold_email(text);
