drop table rollcall.admin_sessions;
