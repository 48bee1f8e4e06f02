-- The sessions of operators in the console. The cookie holds an id of 32 random bytes, of which only the hash is here. It
-- also holds a seal with the key of the operator's account, which is in no table: a row alone opens nothing.
create table rollcall.admin_sessions (
  id           bigint generated always as identity primary key,
  id_hash      bytea not null unique,
  operator     text not null,
  -- A hash of the account's key. Sessions of an account that changed its role or password, or is gone, have another one.
  account_hash bytea not null,
  created_at   timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  -- The end, however much the session is used.
  ends_at      timestamptz not null
);
