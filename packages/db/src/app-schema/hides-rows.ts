/**
 * Whether row-level security may hide rows of the table `relation` from the role, or refuse its writes. A policy for all
 * commands that is always true lets the role pass, unless a restrictive policy takes that back.
 *
 * @param relation the SQL of an oid
 */
export const hidesRows = (relation: string) => `(
  row_security_active(${relation}) and (
    not exists (select from pg_policy p where ${appliesToRole(relation)} and p.polpermissive
      and p.polcmd = '*' and pg_get_expr(p.polqual, p.polrelid) = 'true'
      and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true')
    or exists (select from pg_policy p where ${appliesToRole(relation)} and not p.polpermissive)
  )
)`;

/** The role 0 stands for PUBLIC. */
const appliesToRole = (relation: string) => `p.polrelid = ${relation}
  and exists (select from unnest(p.polroles) as r (oid) where r.oid = 0 or pg_has_role(r.oid, 'usage'))`;
