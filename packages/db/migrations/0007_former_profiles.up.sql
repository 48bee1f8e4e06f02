-- Whose a profile was, once it is nobody's: an erasure must find it, also when the timeline has long forgotten.
create table rollcall.former_profiles (
  mentorado_id integer primary key,
  clerk_id     text not null,
  unlinked_at  timestamptz not null default now()
);
create index former_profiles_of_user on rollcall.former_profiles (clerk_id);

-- Those unlinked before this table was there, as far as the timeline knows: the last user counts.
insert into rollcall.former_profiles (mentorado_id, clerk_id)
select distinct on (m.id) m.id, e.clerk_id
from rollcall.events e
join public.mentorados m on m.id = (e.details ->> 'mentoradoId')::integer
where e.kind in ('mentorado_created', 'mentorado_linked', 'conflict_resolved')
  and e.clerk_id is not null and m.user_id is null
order by m.id, e.id desc;
