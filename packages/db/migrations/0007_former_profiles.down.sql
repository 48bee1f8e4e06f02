drop table rollcall.former_profiles;
