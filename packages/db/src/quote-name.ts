/** Words that Postgres accepts as a name only in quotes; a test compares them with `pg_get_keywords()`. */
const reserved = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
  concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from
  full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
  select session_user similar some symmetric system_user table tablesample then to trailing true union unique user using
  variadic verbose when where window with`.split(/\s+/),
);

/**
 * A name as a statement needs it. It is the only place that quotes names. A plain name stays as it is, so statements for
 * people and plans of the default tables can be read.
 */
export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** A text as a literal, for names that Postgres looks up itself. Values go into parameters. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  // A database may read a backslash as an escape.
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A column of a row `alias` under the name that the rest of a statement uses. */
export function selectAs(alias: string, column: string, name: string): string {
  return column === name ? `${alias}.${column}` : `${alias}.${column} as ${name}`;
}
