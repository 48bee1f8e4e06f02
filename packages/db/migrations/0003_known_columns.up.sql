-- Where each of our columns is in the two tables. A column keeps its number when it is renamed, so the check of the
-- schema tells a renamed column from a dropped one. The object id tells whether the table is still the same one, also
-- under another name; after a dump and restore it is another one, and the numbers mean nothing.
create table rollcall.known_columns (
  table_name  text not null,
  relation    oid not null,
  column_name text not null,
  number      smallint not null,
  primary key (table_name, column_name)
);
