drop function rollcall.take_clerk_request(integer, integer);
drop table rollcall.clerk_requests;
drop index public.users_clerk_created_at;
drop table rollcall.catch_up;
drop table rollcall.deletion_candidates;
drop table rollcall.leases;
drop table rollcall.runs;
