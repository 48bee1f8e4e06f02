drop table rollcall.known_columns;
