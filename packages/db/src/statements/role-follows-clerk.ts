/**
 * Whether the role of a row `u` is Clerk's to change. We only ever write two pairs, ('admin', 'clerk') and
 * ('user', null); any other is somebody's decision and stays.
 */
export const roleFollowsClerk = `(u.role::text, coalesce(u.role_source::text, '')) in (('admin', 'clerk'), ('user', ''))`;
