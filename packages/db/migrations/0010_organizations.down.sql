-- The tables of organizations and memberships belong to the app, so they stay as they are.
drop table rollcall.organization_catch_up, rollcall.organization_candidates, rollcall.membership_states, rollcall.organization_states;
drop index rollcall.events_of_organization;
