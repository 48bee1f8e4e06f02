drop table
  rollcall.alerts, rollcall.samples, rollcall.clerk_requests, rollcall.catch_up, rollcall.deletion_candidates, rollcall.leases,
  rollcall.runs, rollcall.held_deletions, rollcall.events, rollcall.former_profiles, rollcall.conflicts, rollcall.workers,
  rollcall.absences;
drop function rollcall.take_clerk_request(integer, integer), rollcall.prune_unknown_tombstones();
drop index if exists {{usersSchema}}.{{createdIndex}}, {{usersSchema}}.{{claimantIndex}};
drop index if exists {{profileSchema}}.{{profileIndex}};
drop function rollcall.near_email(text), rollcall.fold_email(text);
drop sequence rollcall.read_sequence;
