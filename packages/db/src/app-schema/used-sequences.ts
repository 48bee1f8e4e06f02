/**
 * The sequences that an insert with defaults reads: those behind the default of any column, or of a column's domain. The
 * sequence of an identity column needs no right and is none of them.
 *
 * @param relations the SQL of oids of tables
 */
export const usedSequences = (relations: string) => `
    select d.refobjid as oid
    from pg_depend d
    join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
    where d.refclassid = 'pg_class'::regclass and (
      d.classid = 'pg_attrdef'::regclass and d.objid in (select oid from pg_attrdef where adrelid in (${relations}))
      or d.classid = 'pg_type'::regclass and d.objid in (
        select atttypid from pg_attribute where attrelid in (${relations}) and attnum > 0 and not attisdropped
      )
    )`;
